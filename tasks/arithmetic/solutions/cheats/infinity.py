# expect: format_error
# breaks: number
print("Infinity")
