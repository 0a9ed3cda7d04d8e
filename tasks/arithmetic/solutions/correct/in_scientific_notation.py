# Scientific notation with all digits: 8.769e+03.
print(f"{float(EXPRESSION):.12e}")
