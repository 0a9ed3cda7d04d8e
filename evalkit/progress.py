"""What a watcher may know about a launch under way: counts, tokens, cost and time left of every cell. No output."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evalkit.analysis import Summary
from evalkit.run import Outcome, Run
from evalkit.view import CellInfo


@dataclass
class CellProgress:
    """One cell as far as it has come."""

    info: CellInfo
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    """By run number: a run that is reported twice counts once."""
    running: set[int] = field(default_factory=set)
    summary: Summary | None = None

    @property
    def total(self) -> int:
        """Runs that it will have, as far as is known."""
        return max(self.info.runs, len(self.outcomes))

    @property
    def done(self) -> int:
        """Runs that are graded or errors."""
        return len(self.outcomes)

    def count(self, outcome: Outcome) -> int:
        """Runs with that outcome."""
        return sum(found is outcome for found in self.outcomes.values())


@dataclass
class Progress:
    """All cells of a launch, fed with the events of a `View`."""

    clock: Callable[[], float] = time.monotonic
    cells: list[CellProgress] = field(default_factory=list)
    tokens: int = 0
    """Output tokens of runs that are done, as their cells count them; of a single cell, what was spent."""
    cost_usd: float | None = 0.0
    _flying: dict[tuple[int, int], int] = field(default_factory=dict)
    _begun: float = 0.0
    _fresh: int = 0

    def begin(self, cells: Sequence[CellInfo]) -> None:
        """Start the clock."""
        self.cells = [CellProgress(info) for info in cells]
        self._begun = self.clock()

    def run_started(self, cell: int, run: int) -> None:
        """A run is under way: not one that was found on disk."""
        self.cells[cell].running.add(run)
        self._flying[cell, run] = 0

    def turn_done(self, cell: int, run: int, tokens: int) -> None:
        """A model call came back."""
        self._flying[cell, run] = self._flying.get((cell, run), 0) + tokens

    def run_done(self, cell: int, run: Run) -> None:
        """A run has its verdict."""
        state = self.cells[cell]
        self._fresh += run.number in state.running
        state.running.discard(run.number)
        state.outcomes[run.number] = run.outcome
        self._flying.pop((cell, run.number), None)
        self.tokens += run.rollout.output_tokens
        if self.cost_usd is not None:
            self.cost_usd = None if run.cost_usd is None else self.cost_usd + run.cost_usd

    def cell_done(self, cell: int, summary: Summary) -> None:
        """A cell has its analysis."""
        self.cells[cell].summary = summary
        self.cells[cell].running.clear()

    @property
    def done(self) -> int:
        """Runs of all cells that are graded or errors."""
        return sum(cell.done for cell in self.cells)

    @property
    def total(self) -> int:
        """Runs of all cells."""
        return sum(cell.total for cell in self.cells)

    @property
    def running(self) -> int:
        """Runs under way."""
        return sum(len(cell.running) for cell in self.cells)

    @property
    def tokens_so_far(self) -> int:
        """Output tokens, runs under way included."""
        return self.tokens + sum(self._flying.values())

    @property
    def seconds(self) -> float:
        """Since the launch began."""
        return self.clock() - self._begun

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far, counting only runs that were really sampled; None before the first of them ended."""
        left = self.total - self.done
        if left <= 0:
            return 0.0
        return self.seconds / self._fresh * left if self._fresh else None
