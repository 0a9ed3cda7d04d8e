# expect: format_error
# breaks: number
# NaN is neither below nor above any tolerance.
print("NaN")
