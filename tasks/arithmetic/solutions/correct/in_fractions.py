# Exact rationals all the way.
import re
from fractions import Fraction

print(float(eval(re.sub(r"(?<![\w.])(\d+)", r"Fraction(\1)", "EXPRESSION"))))
