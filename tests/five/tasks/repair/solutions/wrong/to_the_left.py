# expect: wrong
# breaks: right
def rotate(items, by):
    by = by % len(items) if items else 0
    return items[by:] + items[:by]
