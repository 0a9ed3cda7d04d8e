"""Overrides that turn one config into another, and differences that no override can express."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

from evalkit.config.overrides import written
from evalkit.config.schema import Config
from evalkit.util import dotted

MISSING = object()
_KEY = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
"""A part of a dotted name that Hydra's grammar takes."""


@dataclass(frozen=True)
class Change:
    """One named value; None on the side that does not have it."""

    name: str
    old: str | None
    new: str | None


def changes(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    groups: Sequence[str] = (),
    given: tuple[Collection[str], Collection[str]] = ((), ()),
) -> tuple[list[Change], list[Change]]:
    """Overrides that make `new` of `old`, and what no override can write.

    `groups`: config groups of which another file was chosen; of what that brings along only the knobs on the two
    command lines, `given`, are told, those of the second one also where they are equal.
    """
    found: tuple[list[Change], list[Change]] = [], []
    for path, one, other in _places(old, new, ()):
        name = ".".join(map(str, path))
        brought = any(name.startswith(f"{group}.") for group in groups)
        if brought and not _below(name, [*given[0], *given[1]], groups):
            continue
        if same(one, other) and not (brought and _below(name, given[1], groups)):
            continue
        for change, fits in _override(path, one, other, brought):
            found[not fits].append(change)
    return found


def _below(name: str, knobs: Collection[str], groups: Sequence[str]) -> bool:
    return any(dotted.within(name, knob) for knob in knobs if knob not in groups)


def _places(old: Any, new: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """What two configs hold, in the highest places in which they may differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _places(old.get(key, MISSING), new.get(key, MISSING), (*path, key))
    else:
        yield path, old, new


def same(one: Any, other: Any) -> bool:
    """Equal as they are written, and in type; NaN is itself."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (repr(one) == repr(other) if isinstance(one, float) else bool(one == other))


def _override(path: tuple[Any, ...], one: Any, other: Any, brought: bool = False) -> Iterator[tuple[Change, bool]]:
    """The change of one place, in several overrides where one cannot write it; whether an override can at all."""
    name = ".".join(map(str, path))
    ours, place = _in_schema(path), all(isinstance(part, str) and _KEY.fullmatch(part) for part in path)
    sign = "" if ours else "++" if brought else "+" if one is MISSING else ""
    old, new = (None if value is MISSING else written(value) for value in (one, other))
    if other is MISSING:
        if one is None and place and not ours:  # Hydra takes a null for something that is not there to be deleted
            yield Change(name, old, "0"), True
        yield Change(name if ours or not place else f"~{name}", old, None), place and not ours
    elif one is not MISSING and place and not ours and _kind(one) is not _kind(other) in (dict, list):
        yield from _override(path, one, MISSING)  # Hydra would merge the one with the other, and refuses to
        yield from _override(path, MISSING, other)
    elif place and _reads_as(f"{sign}{name}={new}", other):
        yield Change(sign + name, old, new), True
    elif place and isinstance(other, dict) and other and one is MISSING:
        for key, value in other.items():
            yield from _override((*path, key), MISSING, value)
    else:
        yield Change(name, old, new), False


def _kind(value: Any) -> type | None:
    return next((kind for kind in (dict, list) if isinstance(value, kind)), None)


def _in_schema(path: tuple[Any, ...]) -> bool:
    """Whether every config has this knob: what lacks it was written by another version."""
    holder: Any = Config()
    for part in path:
        if not is_dataclass(holder) or part not in holder.__dataclass_fields__:
            return False
        holder = getattr(holder, part)
    return True


def _reads_as(override: str, value: Any) -> bool:
    """Whether Hydra reads the override, and reads this value: names in braces cannot be quoted."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        (read,) = OverridesParser.create().parse_overrides([override])
    except (HydraException, ValueError, RecursionError):
        return False
    return not read.is_sweep_override() and _equal(read.value(), value)


def _equal(read: Any, value: Any) -> bool:
    if isinstance(value, Mapping):
        alike = isinstance(read, Mapping) and [*map(_typed, read)] == [*map(_typed, value)]
        return alike and all(_equal(read[key], value[key]) for key in value)
    if isinstance(value, list):
        return isinstance(read, list) and len(read) == len(value) and all(map(_equal, read, value))
    return same(read, value)


def _typed(key: Any) -> tuple[type, Any]:
    return type(key), key
