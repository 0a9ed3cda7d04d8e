# expect: wrong
# breaks: pure
def rotate(items, by):
    for _ in range(by % len(items) if items else 0):
        items.insert(0, items.pop())
    return items
