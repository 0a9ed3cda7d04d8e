# expect: wrong_value
# breaks: expression
# Without what stands after the last minus.
print(eval("EXPRESSION".rpartition("-")[0] or "0"))
