# expect: format_error
# breaks: number
print(f"The answer is {EXPRESSION}")
