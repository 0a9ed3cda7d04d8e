# expect: wrong_value
# breaks: exact
# A rough figure.
print(round(EXPRESSION, -2))
