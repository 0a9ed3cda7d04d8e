# expect: format_error
# breaks: number
# In Python True is 1.
print("true")
