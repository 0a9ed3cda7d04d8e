# expect: format_error
# breaks: number
print("-1e999")
