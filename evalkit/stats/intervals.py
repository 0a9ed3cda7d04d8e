"""Confidence intervals for one pass rate, and for the difference of two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Interval:
    """A closed interval of rates; `low` and `high` are shares between 0 and 1 (differences: between −1 and 1)."""

    low: float
    high: float

    def __contains__(self, rate: float) -> bool:
        return self.low <= rate <= self.high

    @property
    def width(self) -> float:
        """How far apart the ends are."""
        return self.high - self.low

    def within(self, other: Interval) -> bool:
        """Whether `other` holds all of it."""
        return other.low <= self.low and self.high <= other.high

    def intersect(self, other: Interval) -> Interval | None:
        """What both hold; None where they have nothing in common."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high) if low <= high else None


@lru_cache(maxsize=64)
def normal_quantile(confidence: float) -> float:
    """z with P(|Z| ≤ z) = `confidence` for a standard normal Z: 1.96 for 0.95.

    The standard library's (Wichura's AS 241, full double precision), because importing SciPy for this one number
    would cost every launch half a second. Raises `ValueError` for a confidence that is not between 0 and 1.
    """
    from statistics import NormalDist

    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(passed: float, runs: int, confidence: float = 0.95) -> Interval:
    """The score interval: every rate that a two-sided score test at `confidence` does not reject.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22.
    It covers the truth with `confidence` on average over rates, not at each of them (`docs/statistics.md` has the
    figures); `exact` never covers less. No runs: all of 0…1.
    """
    _check(passed, runs)
    if runs == 0:
        return Interval(0.0, 1.0)
    z = normal_quantile(confidence)
    rate, spread = passed / runs, z * z / runs
    centre = (rate + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (rate * (1 - rate) + spread / 4)) / (1 + spread)
    # At 0 and at `runs` the formula gives the bound only up to rounding.
    low = 0.0 if passed == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if passed == runs else min(1.0, centre + half))


def wilson_range(passed: int, unknown: int, runs: int, confidence: float = 0.95) -> Interval:
    """Wilson's interval where `unknown` of the runs may have passed or not: it holds each that they could give.

    From the low end with all of them failed to the high end with all of them passed (worst-case bounds: Manski 1989,
    "Anatomy of the selection problem", Journal of Human Resources 24).
    """
    low = wilson(passed, runs, confidence).low
    return Interval(low, wilson(passed + unknown, runs, confidence).high)


def exact(passed: int, runs: int, confidence: float = 0.95) -> Interval:
    """The interval that covers with at least `confidence` whatever the true rate is, and is wider for it.

    Clopper & Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, as quantiles of the beta distribution.
    """
    from scipy.special import betaincinv  # type: ignore[import-untyped]

    _check(passed, runs)
    tail = (1 - confidence) / 2
    low = float(betaincinv(passed, runs - passed + 1, tail)) if passed > 0 else 0.0
    high = float(betaincinv(passed + 1, runs - passed, 1 - tail)) if passed < runs else 1.0
    return Interval(low, high)


def _check(passed: float, runs: int) -> None:
    if not 0 <= passed <= runs:
        raise ValueError(f"{passed} of {runs} runs cannot have passed")
