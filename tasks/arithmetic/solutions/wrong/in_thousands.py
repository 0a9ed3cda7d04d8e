# expect: wrong_value
# breaks: exact
print((EXPRESSION) / 1000)
