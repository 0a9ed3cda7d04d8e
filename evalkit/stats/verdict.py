"""Verdict on a pass rate against the target band: in it, above it, below it, or not known yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from evalkit.stats.intervals import Interval, normal_quantile, wilson_range


class Decision(StrEnum):
    """What can be said about the true pass rate."""

    IN_BAND = "IN BAND"
    TOO_EASY = "TOO EASY"  # above the band
    TOO_HARD = "TOO HARD"  # below the band
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True)
class Band:
    """The target pass rate, both ends included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"a band needs 0 <= low < high <= 1, not {self.low} and {self.high}")

    def __contains__(self, rate: float) -> bool:
        return self.low <= rate <= self.high

    def __str__(self) -> str:
        return f"{100 * self.low:g}-{100 * self.high:g}%"


@dataclass(frozen=True)
class Verdict:
    """A decision; where there is none yet, how large a new launch would have to be."""

    decision: Decision
    more_runs: int | None = None
    """Only where undecided; None if the observed rate sits on an edge of the band, or nothing was observed.

    An order of magnitude for planning. It is printed nowhere: who adds as many runs and looks again is wrong too often.
    """

    def __str__(self) -> str:
        return self.decision.value


def decide(interval: Interval, band: Band) -> Decision:
    """What an interval says: inside the band, entirely above it, entirely below it, or nothing yet."""
    if interval.low > band.high:
        return Decision.TOO_EASY
    if interval.high < band.low:
        return Decision.TOO_HARD
    if interval.within(Interval(band.low, band.high)):
        return Decision.IN_BAND
    return Decision.UNDECIDED


def verdict(passed: int, runs: int, band: Band, confidence: float = 0.95, unknown: int = 0) -> Verdict:
    """The verdict of the Wilson interval of `passed` of `runs`; with `unknown` runs only where it is the same
    whatever they were, and no number of runs decides it otherwise.

    For a number of runs that was fixed beforehand. Looking after every run until the answer pleases makes it
    wrong far more often than `1 - confidence`; that is what `sequential.ConfidenceSequence` is for.
    """
    decision = decide(wilson_range(passed, unknown, runs, confidence), band)
    if decision is not Decision.UNDECIDED or runs == 0 or unknown:
        return Verdict(decision)
    needed = runs_to_decide(passed / runs, band, confidence)
    return Verdict(decision, None if needed is None else max(1, needed - runs))


def runs_to_decide(rate: float, band: Band, confidence: float = 0.95) -> int | None:
    """The smallest number of runs at which an observed `rate` is decided; None if it lies on an edge of the band.

    Wilson's interval leaves out an edge e as soon as |rate − e| > z·sqrt(e(1−e)/n), so n > z²·e(1−e)/(rate−e)²:
    the nearest edge for a rate outside the band, both for one inside. If the true rate is what was observed, the
    chance of a decision at that n is about one half: read it as an order of magnitude.
    """
    z = normal_quantile(confidence)
    inside = rate in band
    needed = 0.0
    for edge in (band.low, band.high) if inside else (min((band.low, band.high), key=lambda e: abs(e - rate)),):
        spread = edge * (1 - edge)
        if spread == 0:
            continue  # no interval reaches beyond 0 or 1
        if rate == edge:
            return None
        needed = max(needed, z * z * spread / (rate - edge) ** 2)
    return math.floor(needed) + 1
