"""Stopping early: `runs.until=decided` samples until the band is decided, and says when that was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from evalkit.config.schema import Config, RunsConfig
from evalkit.results.runs import Outcome, Run
from evalkit.stats.sequential import UntilDecided
from evalkit.stats.verdict import Band, Decision
from evalkit.util.text import counted


@dataclass(frozen=True)
class Stopping:
    """How a cell with `runs.until=decided` came to its end."""

    decision: Decision
    decided_at: int | None
    """The number of the run that decided; None if all were sampled and nothing was."""
    planned: int
    """`runs.max`: what a plan of fixed size would have sampled."""
    sampled: int
    """At least `decided_at`: cells that share their rollouts stop together."""
    each_side: float
    """The error that `TOO EASY` and `TOO HARD` are allowed each: all of it, or half where the band is too narrow."""

    @property
    def saved(self) -> int:
        """Runs that were not needed."""
        return self.planned - self.sampled

    def to_dict(self) -> dict[str, Any]:
        """As `summary.json` has it."""
        return {**asdict(self), "saved": self.saved}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Stopping:
        """From its JSON."""
        return cls(
            Decision(facts["decision"]), facts["decided_at"], facts["planned"], facts["sampled"], facts["each_side"]
        )

    def __str__(self) -> str:
        if self.decided_at is None:
            return f"not decided after {counted(self.sampled, 'run')} of at most {self.planned:,}"
        return f"decided after {counted(self.decided_at, 'run')} of at most {self.planned:,}"


def planned(runs: RunsConfig, *, several: bool = False) -> int:
    """The most tries that a cell may make: at its only problem, or at each of `several`."""
    return runs.max if runs.until == "decided" and not several else runs.count


class Watched:
    """When a cell has enough runs: once it is decided whatever its unknown runs were."""

    def __init__(self, band: Band, confidence: float, most: int | None = None) -> None:
        """`most`: how many runs there can be; None for any number."""
        self.confidence = confidence
        self._failed, self._passed = (UntilDecided(band, confidence, most) for _ in range(2))

    @property
    def each_side(self) -> float:
        """The error that `TOO EASY` and `TOO HARD` are allowed each."""
        return self._failed.each_side

    def take(self, run: Run) -> None:
        """One run's result; an error is none."""
        for decider, counts_as in ((self._failed, False), (self._passed, True)):
            decider.add(run.number, result_of(run, counts_as))

    @property
    def decision(self) -> Decision:
        """What is decided with all unknown runs failed, if it is the same with all of them passed."""
        one, other = self._failed.decision, self._passed.decision
        return one if one is other else Decision.UNDECIDED

    @property
    def decided_at(self) -> int | None:
        """The number of the run that decided."""
        ends = [decider.decided_at for decider in (self._failed, self._passed)]
        return None if self.decision is Decision.UNDECIDED else max(end for end in ends if end is not None)


def result_of(run: Run, unknown: bool, error: bool | None = None) -> bool | None:
    return {Outcome.UNKNOWN: unknown, Outcome.ERROR: error}.get(run.outcome, run.outcome is Outcome.PASSED)


def watch(config: Config) -> Watched | None:
    """What decides when a cell has enough runs; None if their number is fixed."""
    if config.runs.until != "decided":
        return None
    return Watched(Band(config.band.low, config.band.high), config.band.confidence, config.runs.max)
