# Text that starts with a byte order mark.
print(f"\N{ZERO WIDTH NO-BREAK SPACE}{EXPRESSION}")
