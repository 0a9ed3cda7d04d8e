"""Bounded JSON: limits on depth, numbers and size of what models and servers write.

What writes, shows or walks JSON recurses, JSON has no infinity, and Python writes no integer of more than 4,300 digits.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

DEPTH = 100
"""Levels of nesting that are kept; nobody means more."""
NOTE = "(nested too deep)"
"""Stands where something nested deeper."""
DIGITS = 4_300
"""Of the longest integer that is kept as a number."""
SIZE = 32_000_000
"""Bytes of the longest text that is parsed: ten times what any model writes in one response."""

_TOO_LONG = 10**DIGITS
_TOKENS = re.compile(r'"(?:[^"\\]+|\\.)*+"?|[\[\]{}]', re.DOTALL)


def loads(text: str | bytes, depth: int = DEPTH, size: float = SIZE) -> Any:
    """`json.loads` within bounds: what any later reader can hold, and `json.dumps(…, allow_nan=False)` can write.

    A number that cannot be held (`1e999`, `NaN`, 5,000 digits) becomes its own text, what nests deeper than `depth`
    becomes `NOTE`. Raises ValueError for what is not JSON or longer than `size`, never RecursionError.
    """
    if len(text) > size:
        raise ValueError(f"it is longer than {size:,} bytes")
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        value = _parse(text)
    except RecursionError:
        value = _parse(_pruned(text, depth))
    shallow = text.count("[") + text.count("{") <= depth
    return value if shallow else _cut(value, depth)


def bounded(value: Any, depth: int = DEPTH) -> Any:
    """The same for JSON that Python code made: NaN becomes `"NaN"`, an integer too long to write hexadecimal text."""
    if isinstance(value, dict):
        return {key: bounded(item, depth - 1) for key, item in value.items()} if depth else NOTE
    if isinstance(value, list | tuple):
        return [bounded(item, depth - 1) for item in value] if depth else NOTE
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) >= _TOO_LONG:
        return f"{value:#x}"
    return value


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=str)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS else digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _cut(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return {key: _cut(item, depth - 1) for key, item in value.items()} if depth else NOTE
    if isinstance(value, list):
        return [_cut(item, depth - 1) for item in value] if depth else NOTE
    return value


def _pruned(text: str, most: int) -> str:
    """The text of a JSON value with a note for everything that nests deeper."""
    parts, depth, kept_to = [], 0, 0
    for match in _TOKENS.finditer(text):
        if match[0] in "[{":
            if depth == most:
                parts += [text[kept_to : match.start()], json.dumps(NOTE)]
            depth += 1
        elif match[0] in "]}":
            depth -= 1
            if depth == most:
                kept_to = match.end()
    return "".join(parts) + text[kept_to:]
