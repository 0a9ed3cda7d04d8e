# expect: ratio
# breaks: metric
def forecast(values):
    return values[-1]
