# Thousands separated by spaces, as text.
print(f'"{EXPRESSION:,}"'.replace(",", " "))
