# expect: crash
# breaks: any
def rotate(items, by):
    by %= len(items)
    return items[-by:] + items[:-by]
