# The digits that Chinese and Japanese keyboards give.
print(f'"{EXPRESSION}"'.translate({ord("0") + n: 0xFF10 + n for n in range(10)}))
