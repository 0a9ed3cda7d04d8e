# expect: wrong_value
# breaks: expression
# The same without brackets.
print(eval("EXPRESSION".replace("(", "").replace(")", "")))
