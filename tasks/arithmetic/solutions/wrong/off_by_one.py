# expect: wrong_value
# breaks: exact
# One too many.
print(EXPRESSION + 1)
