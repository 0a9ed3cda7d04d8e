# expect: wrong_value
# breaks: exact
# The last two digits exchanged while copying.
digits = str(EXPRESSION)
print(digits[:-2] + digits[-1] + digits[-2])
