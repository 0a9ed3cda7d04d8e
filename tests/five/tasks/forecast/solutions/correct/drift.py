def forecast(values):
    steps = [b - a for a, b in zip(values, values[1:])]
    return values[-1] + sum(steps[-3:]) / 3
