"""View protocol: what a launch tells its display, so that the engine never prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from evalkit.model.protocol import Wait
from evalkit.results.runs import Run
from evalkit.results.summary import Summary
from evalkit.rollout.record import Turn


@dataclass(frozen=True)
class CellInfo:
    """What is worth saying about one cell before it starts."""

    index: int
    """0-based; a single launch is cell 0."""
    task: str
    title: str
    model: str
    simulated: bool
    runs: int
    concurrency: int
    limits: str
    """Human-readable, such as `2,900 tokens, 15 steps`."""
    isolation: str
    folder: Path
    overrides: Mapping[str, str] = field(default_factory=dict)
    """The swept knobs of this cell, empty for a single launch."""


class View(Protocol):
    """Receives events in the order in which they happen, from one event loop."""

    def begin(self, cells: list[CellInfo]) -> None: ...
    def note(self, text: str) -> None:
        """A sentence that the person must see (which model and why, what was reused, a leak)."""
        ...

    def warn(self, text: str) -> None:
        """The same, in quiet mode, too: what the figures mean depends on it, or the launch stops early."""
        ...

    def result(self, text: str) -> None:
        """A sentence that a sweep was made for: what to set, whether it was confirmed, where the landscape is."""
        ...

    def waiting(self, wait: Wait) -> None:
        """All calls to an endpoint begin to wait, or must wait longer. Cells that share it report the same wait."""
        ...

    def tick(self) -> None:
        """Called about once a second while runs are under way: time for a sign of life."""
        ...

    def run_started(self, cell: int, run: int) -> None: ...
    def turn_done(self, cell: int, run: int, turn: Turn) -> None: ...
    def run_done(self, cell: int, run: Run) -> None: ...
    def cell_done(self, cell: int, summary: Summary) -> None: ...
    def end(self) -> None:
        """Always called last, also after an exception or Ctrl-C: leaves the terminal as it was."""
        ...
