"""Near misses: attributes and labels that are one slip away from a name that means something."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from evalkit.task.optional_parts import Kind, Part


def near_miss(parts: Sequence[Part], owner: object) -> tuple[str, Part] | None:
    """An attribute of `owner`, a class or an instance, that was probably meant to be a part that it does not have."""
    names = {*dir(owner), *getattr(owner, "__dict__", ())}
    missing = [part for part in parts if part.name not in names]
    for name in sorted(name for name in names if not name.startswith("_")):
        for part in missing:
            if _meant(name, part) and _could_be(inspect.getattr_static(owner, name, None), part.kind):
                return name, part
    return None


def _meant(name: str, part: Part) -> bool:
    return name in part.mistaken or _one_slip(name.lower().replace("_", ""), part.name.replace("_", ""))


def nearly(typed: str, names: Iterable[str]) -> str | None:
    """The name of which `typed` is one slip away."""
    return next((name for name in names if _one_slip(typed.lower(), name)), None)


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one slip makes the one word of the other: a letter left out, doubled, wrong, or two exchanged."""
    same = next((n for n, pair in enumerate(zip(typed, meant, strict=False)) if pair[0] != pair[1]), None)
    same = min(len(typed), len(meant)) if same is None else same
    if same == 0:  # nobody gets the first letter wrong, and `tiles` are no `files`
        return False
    one, other = typed[same:], meant[same:]
    exchanged = one[:2] == other[1::-1] and one[2:] == other[2:]
    wrong = len(meant) > 5 and one[1:] == other[1:]  # `roles` are no `rules`
    return typed == meant or one[1:] == other or one == other[1:] or exchanged or wrong


def _could_be(value: Any, kind: Kind) -> bool:
    """Whether an attribute, as its class holds it, might have been meant as a part of that kind."""
    if kind == "method":
        return callable(value) or isinstance(value, staticmethod | classmethod)
    if kind == "flag":
        return isinstance(value, bool | property)
    if isinstance(value, bool | int | float):
        return kind == "number"
    if kind == "path":
        return isinstance(value, Path | property)
    if kind == "choice":
        return isinstance(value, str | property)
    return not inspect.isroutine(value) and not inspect.isclass(value)
