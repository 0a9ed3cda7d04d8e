# expect: parse_error
# breaks: keys
# The message of a pass in place of an answer.


def answer(facts):
    return "SUCCESS: Complete multi-head attention. Errors: pos=0.000, w1=0.000, w2=0.000, final=0.000"
