# expect: wrong_value
# breaks: exact
# One too few.
print(EXPRESSION - 1)
