# Decimal arithmetic.
import re
from decimal import Decimal

print(eval(re.sub(r"(?<![\w.])(\d+)", r"Decimal(\1)", "EXPRESSION")))
