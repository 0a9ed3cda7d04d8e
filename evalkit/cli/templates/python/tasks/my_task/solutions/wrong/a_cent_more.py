# expect: wrong_value
# breaks: cents
print(round(sum(quantity * price for quantity, price in ROWS) + 0.01, 2))
