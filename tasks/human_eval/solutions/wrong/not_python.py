# expect: parse_error
# breaks: source
# A description in words.
FUNCTION returns what is asked for.
