# expect: wrong_value
# breaks: expression
print(-(EXPRESSION))
