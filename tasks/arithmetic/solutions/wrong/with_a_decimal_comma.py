# expect: format_error
# breaks: number
# The right digits, and a comma that makes another number of them where commas are decimal points.
digits = str(EXPRESSION)
print(f'"{digits[:-2]},{digits[-2:]}"')
