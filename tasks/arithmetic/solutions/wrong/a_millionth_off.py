# expect: wrong_value
# breaks: exact
# Off by less than anybody shows.
print(f"{(EXPRESSION) + 1e-6:.6f}")
