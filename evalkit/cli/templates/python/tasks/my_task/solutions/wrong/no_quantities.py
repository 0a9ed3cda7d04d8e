# expect: wrong_value
# breaks: quantity
# Adds the prices alone. The two lines above say what its grade must be.
print(round(sum(price for quantity, price in ROWS), 2))
