# expect: wrong_values
# breaks: even
def median(values):
    return sorted(values)[len(values) // 2] if values else None
