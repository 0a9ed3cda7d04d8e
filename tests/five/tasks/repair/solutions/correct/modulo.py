def rotate(items, by):
    if not items:
        return []
    by %= len(items)
    return items[-by:] + items[:-by]
