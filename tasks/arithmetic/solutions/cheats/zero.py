# expect: wrong_value
# breaks: expression
print(0)
