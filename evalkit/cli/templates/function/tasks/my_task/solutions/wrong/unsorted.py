# expect: wrong_values
# breaks: order
# Takes the middle of the list as it stands. The two lines above say what its grade must be.
def median(values):
    if not values:
        return None
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
