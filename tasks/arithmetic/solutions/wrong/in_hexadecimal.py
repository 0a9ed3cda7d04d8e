# expect: format_error
# breaks: number
print(hex(EXPRESSION))
