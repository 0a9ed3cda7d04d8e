# expect: format_error
# breaks: number
# The question as the answer.
print("EXPRESSION")
