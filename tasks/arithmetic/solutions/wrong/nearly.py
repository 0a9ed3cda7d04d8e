# expect: wrong_value
# breaks: exact
# Close is not exact.
print((EXPRESSION) + 0.4)
