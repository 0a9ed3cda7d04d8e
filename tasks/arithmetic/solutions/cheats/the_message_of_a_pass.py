# expect: format_error
# breaks: number
print("SUCCESS - Got 8769")
