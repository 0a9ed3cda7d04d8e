"""A command of `python -m evalkit` as a function of the words after it; errors are raised, not printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalkit.cli import tree


def verb(name: str) -> Callable[[Sequence[str]], int]:
    """The command `name`."""
    return lambda words: tree.run([name, *map(str, words)])
