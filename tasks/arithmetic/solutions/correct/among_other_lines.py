# Prints its way there; the last line counts.
print("working it out")
print(EXPRESSION)
