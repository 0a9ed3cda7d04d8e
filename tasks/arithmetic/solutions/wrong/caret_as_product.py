# expect: wrong_value
# breaks: exponentiation
# 2^10 taken for 2 times 10.
print(eval("EXPRESSION".replace("**", "*")))
