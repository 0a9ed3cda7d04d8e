"""Round numbers: values of knobs for people, rounded the way that keeps them in their range."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal


def roundest(low: float, high: float, whole: bool) -> float:
    """The number with the fewest significant digits in `low` … `high`, nearest to the middle among equals."""
    if high <= low:
        return low
    centre = Decimal((low + high) / 2)
    for digits in range(1, 17):
        scale = Decimal(1).scaleb(centre.adjusted() - digits + 1)
        if whole and scale < 1:
            scale = Decimal(1)
        for rounding in (ROUND_FLOOR, ROUND_CEILING):
            number = float((centre / scale).to_integral_value(rounding) * scale)
            if low <= number <= high:
                return number
    return low


def number(value: float, *, up: bool | None = None, digits: int = 3) -> str:
    """A knob's value for people: `2,310`, `0.0313`. `up` says which way to round what has more digits."""
    if not math.isfinite(value):
        return "no limit"
    if value == round(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{_rounded(value, up, digits):.17g}" if digits > 12 else f"{_rounded(value, up, digits):.12g}"


def _rounded(value: float, up: bool | None, digits: int) -> float:
    exact = Decimal(value)
    rounding = {None: ROUND_HALF_EVEN, True: ROUND_CEILING, False: ROUND_FLOOR}[up]
    scale = Decimal(1).scaleb(exact.adjusted() - digits + 1)
    return float((exact / scale).to_integral_value(rounding) * scale)


def inward(low: float, high: float) -> tuple[str, str]:
    """Both ends of a range, rounded into it: whoever types one of them gets a value that is inside."""
    for digits in range(3, 17):
        if _rounded(low, True, digits) <= _rounded(high, False, digits):
            return number(low, up=True, digits=digits), number(high, up=False, digits=digits)
    return f"{low!r}", f"{high!r}"
