# As text in quotes, as small models send it.
print(f'"{EXPRESSION}"')
