"""JSON values across the boundary, seen from the child: what a function returns, if JSON can hold it faithfully."""

from __future__ import annotations

import json
from typing import Any

from .frames import MAX_FRAME
from .tensors import BadReply

MAX_DEPTH = 100
MAX_BYTES = MAX_FRAME // 4
_PLAIN = (str, int, float, bool, type(None))


def load(payload: bytes) -> list[Any]:
    """The arguments of a call."""
    arguments: list[Any] = json.loads(payload)
    return arguments


def dump(parts: dict[str, Any]) -> bytes:
    """`{what it is: value}` as the JSON of an object. A tuple is a list; not a number and infinities are written so.

    Raises `BadReply` for what JSON cannot hold, with the type and the place.
    """
    for what, value in parts.items():
        _check(value, what, 0)
    try:
        text = json.dumps(list(parts.values()), separators=(",", ":"), check_circular=False)
    except ValueError as error:  # an integer of thousands of digits
        raise BadReply(f"what the function returned cannot be written as JSON: {error}") from None
    if len(text) > MAX_BYTES:
        raise BadReply(f"what the function returned takes more than {MAX_BYTES >> 20} MiB")
    return text.encode()


def _check(value: Any, place: str, depth: int) -> None:
    kind = type(value)
    if kind in _PLAIN:
        return
    if depth >= MAX_DEPTH:
        raise BadReply(f"{place[:100]}… is nested more than {MAX_DEPTH} levels deep")
    if kind in (list, tuple):
        for index, item in enumerate(value):
            _check(item, f"{place}[{index}]", depth + 1)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise BadReply(f"{place} has a key that is {_name(type(key))}: JSON has texts as keys")
            _check(item, f"{place}[{key[:30]!r}]", depth + 1)
    else:
        raise BadReply(f"{place} is {_name(kind)}, which JSON cannot hold: return numbers, texts, lists and dicts")


def _name(kind: type) -> str:
    return f"a {str(type.__getattribute__(kind, '__name__'))[:60]}"
