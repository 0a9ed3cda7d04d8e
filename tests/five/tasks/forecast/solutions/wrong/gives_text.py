# expect: format
# breaks: number
def forecast(values):
    return str(values[-1])
