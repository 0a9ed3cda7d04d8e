# Everything as Chinese and Japanese keyboards give it: digits, comma and point.
digits = f"{EXPRESSION:,.1f}"
print(f'"{digits}"'.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789,.-"}))
