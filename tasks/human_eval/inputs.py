"""Inputs like those of the hidden tests, to tell whether two functions that pass compute the same."""

import json
import random
from collections.abc import Iterator
from typing import Any

COUNT = 60
"""Inputs of a problem."""


def like(calls: bytes) -> bytes:
    """Calls like the recorded ones, in their encoding: one argument of one call differs, within the recorded ranges."""
    recorded = json.loads(calls)
    draw = random.Random(0)
    made = {json.dumps(call): call for call in recorded}
    for _ in range(20 * COUNT):
        (tag, arguments), named = draw.choice(recorded)
        if not arguments or len(made) >= len(recorded) + COUNT:
            break
        place = draw.randrange(len(arguments))
        seen = [call[0][1][place] for call in recorded if place < len(call[0][1])]
        changed = [*arguments]
        changed[place] = _Varied(draw, seen).of(arguments[place])
        made.setdefault(json.dumps([[tag, changed], named]), [[tag, changed], named])
    return json.dumps(list(made.values())).encode()


class _Varied:
    """Changes a value to one like those that were seen."""

    def __init__(self, draw: random.Random, seen: list[Any]) -> None:
        self.draw = draw
        parts = [part for value in seen for part in _parts(value)]
        self.numbers = [part for part in parts if type(part) is int] or [0]
        self.texts = [part for part in parts if isinstance(part, str)] or [""]
        self.sizes = [len(part[1]) for part in parts if isinstance(part, list) and part[0] in ("l", "t")] or [0]
        self.items = [item for part in parts if isinstance(part, list) and part[0] in ("l", "t") for item in part[1]]

    def of(self, value: Any) -> Any:
        """Another value of the same type."""
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return self.draw.randint(min(self.numbers), max(self.numbers))
        if isinstance(value, float):
            return round(value * self.draw.choice((0.5, 0.9, 1.1, 2.0)), 3)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list) and value[0] in ("l", "t"):
            return [value[0], self._sequence(list(value[1]))]
        return value

    def _text(self, text: str) -> str:
        letters = [*text]
        for _ in range(self.draw.randint(1, 2)):
            self._edit(letters, [*"".join(self.texts)], lambda letter: letter)
        kept = len(letters) >= min(map(len, self.texts)) and len(letters) <= max(map(len, self.texts)) + 1
        return "".join(letters) if kept else text

    def _sequence(self, items: list[Any]) -> list[Any]:
        before = [*items]
        for _ in range(self.draw.randint(1, 2)):
            self._edit(items, self.items, self.of)
        return items if min(self.sizes) <= len(items) <= max(self.sizes) + 1 else before

    def _edit(self, items: list[Any], others: list[Any], change: Any) -> None:
        """One item fewer, more, another, or all in another order."""
        place = self.draw.randrange(len(items)) if items else 0
        kind = self.draw.choice(("fewer", "more", "other", "order", "changed"))
        if kind == "order":
            self.draw.shuffle(items)
        elif kind == "more" and others:
            items.insert(place, self.draw.choice(others))
        elif items and kind == "fewer":
            del items[place]
        elif items and kind == "other" and others:
            items[place] = self.draw.choice(others)
        elif items and kind == "changed":
            items[place] = change(items[place])


def _parts(value: Any) -> Iterator[Any]:
    """A value in its encoding, and the items of the sequences in it."""
    yield value
    if isinstance(value, list) and value and value[0] in ("l", "t"):
        for item in value[1]:
            yield from _parts(item)
