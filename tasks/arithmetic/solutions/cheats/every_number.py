# expect: format_error
# breaks: number
# One of them will be right.
print(list(range(10_000)))
