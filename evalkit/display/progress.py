"""Progress of a running launch: counts, tokens, cost and time left of every cell. Prints nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evalkit.display.view import CellInfo
from evalkit.model.protocol import Wait
from evalkit.results.runs import Outcome, Run
from evalkit.results.summary import Summary
from evalkit.rollout.record import Turn


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
    """Output tokens that this launch bought; what it found on disk cost nothing."""
    cost_usd: float | None = 0.0
    """Of the runs that it sampled; None if a price is unknown, or where cells share rollouts: none pays alone."""
    wait: Wait | None = None
    """What all calls to an endpoint wait for, or waited for last."""
    _sampled: set[tuple[int, int]] = field(default_factory=set)
    """Runs under way that made a model call: those found on disk make none."""
    _sampled_done: int = 0
    _last_turn: Turn | None = None
    _begun: float = 0.0

    def begin(self, cells: Sequence[CellInfo]) -> None:
        """Start the clock."""
        self.cells = [CellProgress(info) for info in cells]
        self.cost_usd = 0.0 if len(cells) == 1 else None
        self._begun = self.clock()

    def run_started(self, cell: int, run: int) -> None:
        """A run is under way."""
        self.cells[cell].running.add(run)

    def turn_done(self, cell: int, run: int, turn: Turn) -> None:
        """A model call came back. Cells that share a rollout report the very same turn one after the other."""
        self._sampled.add((cell, run))
        if turn is not self._last_turn:
            self.tokens += turn.output_tokens
        self._last_turn = turn

    def run_done(self, cell: int, run: Run) -> None:
        """A run has its verdict."""
        state = self.cells[cell]
        state.running.discard(run.number)
        state.outcomes[run.number] = run.outcome
        if (cell, run.number) in self._sampled:
            self._sampled.discard((cell, run.number))
            self._sampled_done += 1
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
    def seconds(self) -> float:
        """Since the launch began."""
        return self.clock() - self._begun

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far, counting only runs that were really sampled; None before the first of them ended."""
        left = self.total - self.done
        if left <= 0:
            return 0.0
        return self.seconds / self._sampled_done * left if self._sampled_done else None
