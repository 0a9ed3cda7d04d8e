"""Problem: one question of a task, from which its spec is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.util.errors import UserError


class NoRow(dict[str, Any]):
    """What stands for a row where there is none: asking for a column raises `UserError`."""

    def __missing__(self, column: str) -> Any:
        raise UserError(
            f"The task reads column {column!r} of a problem, and there is no problem file: set problems.file=<file>"
        )


@dataclass(frozen=True)
class Problem:
    """One question of a task. Everything random of it is drawn from `seed`."""

    id: str
    """Stable name: of its row, or its number where problems are drawn from seeds; "0" where a task has but one."""
    index: int
    """Its place in the problem file, from 0."""
    seed: int
    """63 bits. Where a task has but one problem every run has a seed of its own, else every problem."""
    row: Mapping[str, Any] = field(default_factory=NoRow)
    """Its row of the problem file by column; empty without a file."""

    @classmethod
    def seeded(cls, seed: int) -> Problem:
        """The only problem of a task, for a run with this seed."""
        return cls("0", 0, seed)
