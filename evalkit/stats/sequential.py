"""Sequential analysis of a pass rate: confidence sequences, and stopping as soon as the band is decided.

The evidence behind them is that of `evidence`, so the bounds hold at all looks at once. RolloutSampler: Howard, Ramdas,
McAuliffe & Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Stat. 49.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from evalkit.stats.evidence import log_evidence_below
from evalkit.stats.intervals import Interval
from evalkit.stats.levels import full_level_holds
from evalkit.stats.verdict import Band, Decision

_ALL = Interval(0.0, 1.0)


@lru_cache(maxsize=100_000)  # many looks at few runs repeat themselves
def upper_bound(passed: int, runs: int, error: float) -> float:
    """The largest rate against which the evidence has not reached 1/`error`.

    With a chance of 1 − `error`, no look ever gives one below the true rate, so the least of all looks holds too.
    """
    if passed == runs:
        return 1.0
    needed = -math.log(error)
    low, high = passed / runs, 1.0
    for _ in range(48):  # bisection to 4e-15: beyond the observed rate the evidence only grows
        middle = (low + high) / 2
        if log_evidence_below(passed, runs, middle) < needed:
            low = middle
        else:
            high = middle
    return high


def lower_bound(passed: int, runs: int, error: float) -> float:
    """The smallest rate against which the evidence has not reached 1/`error`; the mirror of `upper_bound`."""
    return 1 - upper_bound(runs - passed, runs, error)


@dataclass
class ConfidenceSequence:
    """Intervals for a pass rate, all of which hold the true rate with `confidence`, however often one looks.

    Feed it the runs in an order that their results cannot influence: by run number, never as they
    complete, for runs that fail at a limit take longer than runs that pass.
    """

    confidence: float = 0.95
    passed: int = 0
    runs: int = 0
    interval: Interval = _ALL
    """What every look so far has left of 0…1. Should nothing be left, which happens with a chance of
    1 − `confidence` at most, what the last look leaves: then the earlier ones were among the misleading few."""
    _low: float = field(default=0.0, repr=False)
    _high: float = field(default=1.0, repr=False)
    """What the looks so far say about each end: each alone holds with `confidence`."""

    def observe(self, passed: bool) -> Interval:
        """Count one run and return the interval."""
        self.passed += passed
        self.runs += 1
        error = 1 - self.confidence
        now = self._bounds(error / 2)
        self.interval = self.interval.intersect(now) or now
        now = self._bounds(error)
        self._low, self._high = max(self._low, now.low), min(self._high, now.high)
        return self.interval

    def _bounds(self, error: float) -> Interval:
        return Interval(
            lower_bound(self.passed, self.runs, error),
            upper_bound(self.passed, self.runs, error),
        )

    def decide(self, band: Band, *, full: bool = False) -> Decision:
        """What can be said now; whatever it says first is wrong with a chance of 1 − `confidence` at most.

        `TOO EASY` and `TOO HARD` need the two-sided interval to have left the band, or, with `full`, the end of the
        band to be excluded by itself at `confidence`: ask `levels.full_level_holds` first. `IN BAND` always needs each
        end to be excluded by itself: to be wrong, the one true rate would have to be wrongly excluded at the one end
        that it lies beyond (intersection–union principle: Berger 1982, "Multiparameter hypothesis testing and
        acceptance sampling", Technometrics 24).
        """
        low, high = (self._low, self._high) if full else (self.interval.low, self.interval.high)
        if low > band.high:
            return Decision.TOO_EASY
        if high < band.low:
            return Decision.TOO_HARD
        inside = band.low <= self._low and self._high <= band.high
        return Decision.IN_BAND if inside else Decision.UNDECIDED


@dataclass
class UntilDecided:
    """Tells when to stop sampling: results come as they complete and are counted by run number.

    Errors say nothing about the model and are skipped. With several runs at once, those that were under way when
    the decision fell complete all the same; they may be reported, and change no decision.
    """

    band: Band
    confidence: float = 0.95
    most: int | None = None
    """The most runs that there can be; None for any number."""
    sequence: ConfidenceSequence = field(init=False)
    decision: Decision = Decision.UNDECIDED
    decided_at: int | None = None
    """The number of the run that decided."""
    _next: int = 1
    _waiting: dict[int, bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sequence = ConfidenceSequence(self.confidence)

    @cached_property
    def full(self) -> bool:
        """Whether each of `TOO EASY` and `TOO HARD` may use the whole error that is allowed; else half of it."""
        return full_level_holds(self.band, self.confidence, self.most)

    @property
    def each_side(self) -> float:
        """The error that each of the two is allowed."""
        return round((1 - self.confidence) / (1 if self.full else 2), 12)

    def add(self, number: int, passed: bool | None) -> Decision:
        """One run's result, None for an error. Runs are numbered from 1; gaps are waited for."""
        self._waiting[number] = passed
        while self._next in self._waiting and self.decision is Decision.UNDECIDED:
            result = self._waiting.pop(self._next)
            if result is not None:
                self.sequence.observe(result)
                self.decision = self.sequence.decide(self.band, full=self.full)
                if self.decision is not Decision.UNDECIDED:
                    self.decided_at = self._next
            self._next += 1
        return self.decision
