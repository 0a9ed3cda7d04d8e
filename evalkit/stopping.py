"""Stopping early: `runs.until=decided` samples until the band is decided, and says what that saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from evalkit.config import Config, RunsConfig
from evalkit.run import Outcome, Run
from evalkit.stats.intervals import Interval
from evalkit.stats.sequential import ConfidenceSequence, UntilDecided
from evalkit.stats.verdict import Band, Decision, Verdict
from evalkit.text import counted

if TYPE_CHECKING:
    from evalkit.analysis import Summary


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

    def facts(self) -> dict[str, Any]:
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
        return (
            f"decided after {counted(self.decided_at, 'run')}, which saved {self.saved:,} of the {self.planned:,} "
            "of a fixed plan"
        )


def planned(runs: RunsConfig) -> int:
    """The most runs that a cell may take."""
    return runs.max if runs.until == "decided" else runs.count


def watch(config: Config) -> UntilDecided | None:
    """What decides when a cell has enough runs; None if their number is fixed."""
    if config.runs.until != "decided":
        return None
    return UntilDecided(Band(config.band.low, config.band.high), config.band.confidence, config.runs.max)


def conclude(summary: Summary, runs: Sequence[Run], watched: UntilDecided, most: int) -> Summary:
    """The summary with the sequence's verdict and interval: those of a fixed plan do not survive peeking."""
    sequence = ConfidenceSequence(watched.confidence)
    for run in sorted(runs, key=lambda run: run.number):
        if run.outcome is not Outcome.ERROR:
            sequence.observe(run.outcome is Outcome.PASSED)
    stopping = Stopping(watched.decision, watched.decided_at, most, len(runs), watched.each_side)
    interval = sequence.interval if sequence.runs else Interval(0.0, 1.0)
    return replace(
        summary,
        rate=replace(summary.rate, interval=interval),
        verdict=Verdict(watched.decision),
        stopping=stopping,
    )
