# As a float: 8769.0.
print(float(EXPRESSION))
