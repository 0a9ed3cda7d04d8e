# Thousands separated by commas, as text.
print(f"{EXPRESSION:,}")
