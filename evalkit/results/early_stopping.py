"""Stopping early: `runs.until=decided` samples until the band is decided, and says when that was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from evalkit.config.schema import Config, RunsConfig
from evalkit.results.runs import Outcome, Run
from evalkit.stats.intervals import Interval
from evalkit.stats.sequential import ConfidenceSequence, UntilDecided
from evalkit.stats.verdict import Band, Decision, Verdict
from evalkit.util.text import counted

if TYPE_CHECKING:
    from evalkit.results.summary import Summary


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
        return f"decided after {counted(self.decided_at, 'run')} of at most {self.planned:,}"


def planned(runs: RunsConfig) -> int:
    """The most runs that a cell may take."""
    return runs.max if runs.until == "decided" else runs.count


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
            decider.add(run.number, _result(run, counts_as))

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


def _result(run: Run, unknown: bool, error: bool | None = None) -> bool | None:
    return {Outcome.UNKNOWN: unknown, Outcome.ERROR: error}.get(run.outcome, run.outcome is Outcome.PASSED)


def watch(config: Config) -> Watched | None:
    """What decides when a cell has enough runs; None if their number is fixed."""
    if config.runs.until != "decided":
        return None
    return Watched(Band(config.band.low, config.band.high), config.band.confidence, config.runs.max)


def conclude(summary: Summary, runs: Sequence[Run], watched: Watched, most: int) -> Summary:
    """The summary with the sequence's verdict and intervals: those of a fixed plan do not survive peeking.

    Nor does the test of stability: the last batch leans towards the decision.
    """
    stopping = Stopping(watched.decision, watched.decided_at, most, len(runs), watched.each_side)
    return replace(
        summary,
        rate=replace(summary.rate, interval=_interval(runs, watched.confidence)),
        rate_with_errors=replace(summary.rate_with_errors, interval=_interval(runs, watched.confidence, error=False)),
        stability=replace(summary.stability, p_value=None) if summary.stability else None,
        verdict=Verdict(watched.decision),
        stopping=stopping,
    )


def cut_short(summary: Summary, asked: int) -> Summary:
    """The summary of a fixed plan with a word of caution where fewer runs were made, for whatever reason."""
    if summary.total >= asked:
        return summary
    said = (
        f"{summary.total:,} of {counted(asked, 'planned run')} were made: what ended the launch early, such as a limit "
        "of cost, may depend on how runs went, and interval and verdict assume that it does not"
    )
    return replace(summary, warnings=(*summary.warnings, said))


def _interval(runs: Sequence[Run], confidence: float, error: bool | None = None) -> Interval:
    """That of the sequence, whatever the unknown runs were; `error`: what a run that ended by a fault counts as."""
    lowest, highest = (_sequence(runs, confidence, unknown, error) for unknown in (False, True))
    return Interval(min(lowest.low, highest.low), max(lowest.high, highest.high))


def _sequence(runs: Sequence[Run], confidence: float, unknown: bool, error: bool | None) -> Interval:
    """The interval of the confidence sequence with all unknown runs counted as passed, or as failed."""
    sequence = ConfidenceSequence(confidence)
    for run in sorted(runs, key=lambda run: run.number):
        result = _result(run, unknown, error)
        if result is not None:
            sequence.observe(result)
    return sequence.interval
