# expect: parse_error
# breaks: keys
# Text that breaks a recursive reader.


def answer(facts):
    return "[" * 100_000 + "]" * 100_000
