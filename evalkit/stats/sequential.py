"""A pass rate that is looked at after every run: confidence sequences, and stopping as soon as the band is decided.

The tests behind it. For a rate r, the likelihood ratio of "the rate is q, drawn uniformly below r" against "the
rate is r" is a non-negative supermartingale of mean 1 while the true rate is r or more. By Ville's inequality it
ever reaches 1/α with a chance of α at most, so rates whose ratio has reached it can be dropped at any moment, and
stay dropped. The same from above. Sources: Ville (1939), "Étude critique de la notion de collectif"; Robbins
(1970), "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41 (mixtures);
Howard, Ramdas, McAuliffe & Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic confidence sequences",
Ann. Stat. 49. Drawing q on one side of r only, rather than from all of 0…1, is what makes it tight near 0 and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from evalkit.stats.intervals import Interval
from evalkit.stats.verdict import Band, Decision

_ALL = Interval(0.0, 1.0)


def log_evidence_below(passed: Any, runs: Any, rate: Any) -> Any:
    """Log of the evidence that the true rate is below `rate`; floats or NumPy arrays that broadcast, 0 < rate < 1.

    log ∫₀ʳ qᵏ(1−q)ⁿ⁻ᵏ dq / r − log rᵏ(1−r)ⁿ⁻ᵏ for k of n passed: an incomplete beta function. Evidence so small
    that it underflows is −inf.
    """
    import numpy
    from scipy.special import betainc, betaln, xlog1py, xlogy  # type: ignore[import-untyped]

    failed = runs - passed
    with numpy.errstate(divide="ignore"):
        mass = numpy.log(betainc(passed + 1, failed + 1, rate))
    mixture = betaln(passed + 1, failed + 1) + mass - numpy.log(rate)
    return mixture - xlogy(passed, rate) - xlog1py(failed, -numpy.asarray(rate))


def log_evidence_above(passed: Any, runs: Any, rate: Any) -> Any:
    """Log of the evidence that the true rate is above `rate`: the same with passes and failures exchanged."""
    return log_evidence_below(runs - passed, runs, 1 - rate)


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

    Feed it the runs in an order that their results cannot influence: by run number (`InOrder`), never as they
    complete, for runs that fail at a limit take longer than runs that pass.
    """

    confidence: float = 0.95
    passed: int = 0
    runs: int = 0
    interval: Interval = _ALL
    """What every look so far has left of 0…1. Should nothing be left, which happens with a chance of
    1 − `confidence` at most, what the last look leaves: then the earlier ones were among the misleading few."""
    _one_sided: Interval = field(default=_ALL, repr=False)
    """Each end alone holds with `confidence`."""

    def observe(self, passed: bool) -> Interval:
        """Count one run and return the interval."""
        self.passed += passed
        self.runs += 1
        error = 1 - self.confidence
        now = self._bounds(error / 2)
        self.interval = self.interval.intersect(now) or now
        now = self._bounds(error)
        self._one_sided = self._one_sided.intersect(now) or now
        return self.interval

    def _bounds(self, error: float) -> Interval:
        return Interval(
            lower_bound(self.passed, self.runs, error),
            upper_bound(self.passed, self.runs, error),
        )

    def decide(self, band: Band) -> Decision:
        """What can be said now; whatever it says first is wrong with a chance of 1 − `confidence` at most.

        `TOO EASY` and `TOO HARD` need the two-sided interval to have left the band. `IN BAND` needs each end of
        the band to be excluded by itself at `confidence`: to be wrong, the one true rate would have to be wrongly
        excluded at the one end that it lies beyond (intersection–union principle: Berger 1982, "Multiparameter
        hypothesis testing and acceptance sampling", Technometrics 24).
        """
        if self.interval.low > band.high:
            return Decision.TOO_EASY
        if self.interval.high < band.low:
            return Decision.TOO_HARD
        inside = self._one_sided.within(Interval(band.low, band.high))
        return Decision.IN_BAND if inside else Decision.UNDECIDED


@dataclass
class UntilDecided:
    """Tells when to stop sampling: results come as they complete and are counted by run number.

    Errors say nothing about the model and are skipped. With several runs at once, those that were under way when
    the decision fell complete all the same; they may be reported, and change no decision.
    """

    band: Band
    confidence: float = 0.95
    sequence: ConfidenceSequence = field(init=False)
    decision: Decision = Decision.UNDECIDED
    decided_at: int | None = None
    """The number of the run that decided."""
    _next: int = 1
    _waiting: dict[int, bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sequence = ConfidenceSequence(self.confidence)

    def add(self, number: int, passed: bool | None) -> Decision:
        """One run's result, None for an error. Runs are numbered from 1; gaps are waited for."""
        self._waiting[number] = passed
        while self._next in self._waiting and self.decision is Decision.UNDECIDED:
            result = self._waiting.pop(self._next)
            if result is not None:
                self.sequence.observe(result)
                self.decision = self.sequence.decide(self.band)
                if self.decision is not Decision.UNDECIDED:
                    self.decided_at = self._next
            self._next += 1
        return self.decision
