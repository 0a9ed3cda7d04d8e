# expect: wrong_value
# breaks: exponentiation
# In Python ^ is bitwise exclusive or.
print(eval("EXPRESSION".replace("**", "^")))
