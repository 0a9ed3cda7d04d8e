# expect: format_error
# breaks: number
# More digits than a float holds.
print("9" * 400)
