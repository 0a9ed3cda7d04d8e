"""Patterns of relative paths: `out.csv`, `logs/*.txt`, `src/**/*.py`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

_MAGIC = frozenset("*?[")


def is_literal(pattern: str) -> bool:
    """Whether a pattern names one path."""
    return not _MAGIC & set(pattern)


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a relative POSIX path fits one of the patterns. `**` stands for any number of folders, none included."""
    parts = tuple(path.split("/"))
    return any(_fits(parts, tuple(pattern.split("/"))) for pattern in patterns)


def may_hold(folder: str, patterns: Sequence[str]) -> bool:
    """Whether a path below a folder can fit one of the patterns."""
    parts = tuple(folder.split("/"))
    return any(_leads(parts, tuple(pattern.split("/"))) for pattern in patterns)


@lru_cache(maxsize=4096)
def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or (bool(parts) and _fits(parts[1:], pattern))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


@lru_cache(maxsize=4096)
def _leads(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not parts:
        return bool(pattern)
    if not pattern:
        return False
    return pattern[0] == "**" or (fnmatchcase(parts[0], pattern[0]) and _leads(parts[1:], pattern[1:]))
