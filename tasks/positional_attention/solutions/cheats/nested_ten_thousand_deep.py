# expect: parse_error
# breaks: keys
# Text that breaks a recursive reader.


def answer(facts):
    return "[" * 10_000 + "]" * 10_000
