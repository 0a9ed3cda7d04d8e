# expect: forbidden
# breaks: pure
def forecast(values):
    return float(open("next.txt").read())
