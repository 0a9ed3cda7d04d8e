# expect: format_error
# breaks: number
# The right digits behind a zero and a separator: a fraction where commas are decimal points.
print(f'"{EXPRESSION:09,}"')
