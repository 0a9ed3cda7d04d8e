"""A row of the failure table: one reason why runs failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """One row of the failure table."""

    label: str
    runs: tuple[int, ...]
    """Numbers of the runs that failed this way."""
    share: float
    """Of the runs without errors, so that the rows and the pass rate add up to 1."""

    @property
    def count(self) -> int:
        """How many runs."""
        return len(self.runs)
