"""Dotted names such as `task.tolerances.output` for places in nested mappings and objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def get(holder: Any, name: str) -> Any:
    """The value of that name; None also where there is none."""
    for part in name.split("."):
        holder = holder.get(part) if isinstance(holder, Mapping) else getattr(holder, part, None)
    return holder


def put(holder: Any, name: str, value: object) -> None:
    """Set the value in place. Raises `KeyError` or `AttributeError` if what should hold it is missing."""
    *path, last = name.split(".")
    for part in path:
        holder = holder[part] if isinstance(holder, Mapping) else getattr(holder, part)
    if isinstance(holder, dict):
        holder[last] = value
    else:
        setattr(holder, last, value)


def replaced(node: Mapping[str, Any], name: str, value: object) -> dict[str, Any]:
    """A copy of nested mappings with another value of that name. Raises `KeyError` if its holder is missing."""
    key, _, rest = name.partition(".")
    return {**node, key: replaced(node[key], rest, value) if rest else value}


def leaves(value: Any, name: str = "", *, items: bool = False) -> Iterator[tuple[str, Any]]:
    """The dotted name and value of everything that is no mapping, in order, below `name`.

    `items`: a list gives each of its items, under the name of the list.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else str(key), items=items)
    elif items and isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, name, items=True)
    else:
        yield name, value


def numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """The `leaves` that are numbers; booleans are none."""
    return ((path, leaf) for path, leaf in leaves(value, name) if is_number(leaf))


def is_number(value: Any) -> bool:
    """Whether it is an integer or a float, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def within(name: str, group: str) -> bool:
    """Whether a name is `group` or lies below it."""
    return f"{name}.".startswith(f"{group}.")


def first(name: str) -> str:
    """`task` of `task.tolerances.output`."""
    return name.partition(".")[0]


def last(name: str) -> str:
    """`output` of `task.tolerances.output`."""
    return name.rpartition(".")[2]
