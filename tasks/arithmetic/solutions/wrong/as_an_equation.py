# expect: format_error
# breaks: number
print(f"EXPRESSION = {EXPRESSION}")
