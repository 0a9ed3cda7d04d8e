"""The numbers in an answer, and how far two answers are apart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.task.grade import as_number

Numbers = Mapping[str, float]
"""Place in the answer → its number; booleans are 0 and 1."""

MOST = 100_000
"""Numbers that are looked at; an answer with more is nobody's."""


def numbers(answer: Any, *, flags: bool = True) -> Numbers | None:
    """Every number of an answer by its place, if it holds nothing else; None if it does, or holds none.

    `flags`: count booleans in.

    Text that is a number, or JSON, is read: that is how models send them.
    """
    if isinstance(answer, str):
        number = as_number(answer)
        if number is not None:
            return {"": float(number)}
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError):
            return None
        if isinstance(answer, str):
            return None
    found: dict[str, float] = {}
    try:
        for place, value in _leaves(answer, ""):
            if flags or not isinstance(value, bool):
                found[place] = _float(value)
            if len(found) > MOST:
                return None
    except (TypeError, RecursionError):
        return None
    return found or None


def _leaves(value: Any, place: str) -> Iterator[tuple[str, int | float]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{place}[{index}]")
    elif isinstance(value, int | float):
        yield place, value
    else:
        raise TypeError(f"{type(value).__name__} is not a number")


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def distance(one: Numbers | None, other: Numbers | None) -> float:
    """The largest absolute difference of two answers; infinite where they do not have the same form."""
    if one is None or other is None or one.keys() != other.keys():
        return math.inf
    largest = 0.0
    for place, value in one.items():
        apart = 0.0 if value == other[place] else abs(value - other[place])
        if math.isnan(apart):
            return math.inf
        largest = max(largest, apart)
    return largest


def difference(one: Any, other: Any) -> float:
    """How far two answers of any kind are apart: 0 if they are equal, the largest absolute difference of their numbers
    if everything else in them is equal, else infinite. Text that holds JSON is read."""
    try:
        return _apart(_read(one), _read(other))
    except RecursionError:
        return math.inf


def _read(answer: Any) -> Any:
    if isinstance(answer, str) and answer.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            return answer
    return answer


def _apart(one: Any, other: Any) -> float:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        pairs = [(value, other[key]) for key, value in one.items()] if one.keys() == other.keys() else [(0, math.nan)]
    elif isinstance(one, list) and isinstance(other, list):
        pairs = list(zip(one, other, strict=True)) if len(one) == len(other) else [(0, math.nan)]
    elif type(one) is type(other) and one == other:
        return 0.0
    elif _is_number(one) and _is_number(other):
        return distance({"": _float(one)}, {"": _float(other)})
    else:
        return math.inf
    return max((_apart(value, counterpart) for value, counterpart in pairs), default=0.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def replaced(answer: Any, change: Any) -> Any:
    """`answer` with `change` applied to every number that is not a boolean."""
    if isinstance(answer, Mapping):
        return {key: replaced(value, change) for key, value in answer.items()}
    if isinstance(answer, list):
        return [replaced(item, change) for item in answer]
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return change(answer)
    return answer


def is_matrix(value: Any) -> bool:
    """Whether it is a list of rows of one length."""
    rows = isinstance(value, list) and value and all(isinstance(row, list) and row for row in value)
    return bool(rows) and len({len(row) for row in value}) == 1


def flat_weights(answer: Any) -> str:
    """The key of a softmax that is nearly uniform, if the answer holds one: rows of shares that sum to 1."""
    items: Sequence[tuple[str, Any]] = list(answer.items()) if isinstance(answer, Mapping) else []
    for key, value in items:
        if is_matrix(value) and all(isinstance(entry, int | float) and entry >= 0 for row in value for entry in row):
            rows = [[entry for entry in row if entry > 0] for row in value]
            shares = all(row and abs(sum(row) - 1) < 0.01 for row in rows)
            if shares and all(max(row) < 1.5 / len(row) for row in rows):
                return str(key)
    return ""
