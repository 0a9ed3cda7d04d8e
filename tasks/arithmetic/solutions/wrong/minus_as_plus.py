# expect: wrong_value
# breaks: expression
# A slip of the sign.
print(eval("EXPRESSION".replace("-", "+")))
