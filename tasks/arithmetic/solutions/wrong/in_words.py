# expect: format_error
# breaks: number
print("about nine thousand")
