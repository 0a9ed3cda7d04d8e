# The expression as Python understands it.
print(EXPRESSION)
