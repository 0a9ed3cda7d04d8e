"""A cell before and after it ran: a checked config with its folder, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.config.schema import Config
from evalkit.results.early_stopping import Watched, WatchedSet
from evalkit.results.runs import Outcome, Run
from evalkit.results.summary import Summary
from evalkit.rollout.limits import Limits
from evalkit.sampling.sampler import RolloutSampler
from evalkit.task.protocol import Task


@dataclass(frozen=True)
class Cell:
    """One point of a sweep, or the only one of a launch: a checked config and where its results go."""

    config: Config
    folder: Path
    overrides: Mapping[str, str] = field(default_factory=dict)
    """The swept knobs with this cell's values."""
    index: int = 0
    reach: Limits | None = None
    """Limits to sample under at least: cells of the same sweep in other processes need them."""
    since: float | None = None
    """Unix time of an earlier launch that goes on here: with `reuse=never`, what was sampled since is its own."""


@dataclass(repr=False)  # asyncio prints results of tasks when it restores signal handlers: seconds for a large sweep
class CellResult:
    """A finished cell."""

    cell: Cell
    task: Task
    source: RolloutSampler
    limits: Limits
    runs: list[Run] = field(default_factory=list)
    summary: Summary | None = None
    watched: Watched | WatchedSet | None = None
    """Decides when there are enough runs; None if their number is fixed."""
    tries: int = 0
    """Planned, at each of its problems."""
    asked: int = 0
    """How many runs it takes; fewer than planned once enough runs have decided."""
    open_runs: int = 0
    """Those that have not ended."""
    not_started: int = 0
    """Those that have not been started."""
    measuring: str = ""
    """Key of its measurements."""
    grader: str = ""
    """Digest of what grades it."""

    @property
    def done(self) -> bool:
        """Whether everything that was asked was done: no errors, nothing left out."""
        return len(self.runs) == self.asked and all(run.outcome is not Outcome.ERROR for run in self.runs)
