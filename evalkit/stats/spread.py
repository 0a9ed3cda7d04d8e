"""How much problems of a set differ: variance within and between them, and a histogram of their rates.

Counts are (passes, tries) of each problem; problems without tries are left out.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from evalkit.stats.problem_sets import Counts, tried

BARS = 10
"""Bars between "never" and "always" where rates are too many to have one each."""


@dataclass(frozen=True)
class Components:
    """The variance of one try's result (0 or 1), split into what tries and what problems contribute."""

    mean: float
    """Mean of the problems' rates."""
    within: float
    """Mean of p(1−p) over problems: what remains random however many problems there are."""
    between: float
    """Variance of the true rates p; 0 where problems differ no more than chance makes them."""
    problems: int
    tries: float
    """Tries a problem: the harmonic mean, which is what the variance of a mean of rates goes by."""

    @property
    def correlation(self) -> float:
        """Of two tries at one problem (intraclass correlation): 0 if problems are alike, 1 if none is ever mixed."""
        whole = self.within + self.between
        return self.between / whole if whole > 0 else 0.0


def components(counts: Counts) -> Components | None:
    """The one-way random-effects analysis of variance, for unequal numbers of tries.

    Searle, Casella & McCulloch (1992), "Variance components", section 3.6; of the estimators for binary data it is
    among the best (Ridout, Demétrio & Firth 1999, "Estimating intraclass correlation for binary data", Biometrics
    55). A negative variance between is 0. None where the two cannot be told apart: one problem, one try at each, or
    the same result of every try.
    """
    there = tried(counts)
    runs, problems = sum(tries for _, tries in there), len(there)
    passes = sum(passed for passed, _ in there)
    if problems < 2 or runs == problems or passes in (0, runs):
        return None
    pooled = passes / runs
    inside = math.fsum(passed * (tries - passed) / tries for passed, tries in there) / (runs - problems)
    outside = math.fsum(tries * (passed / tries - pooled) ** 2 for passed, tries in there) / (problems - 1)
    typical = (runs - sum(tries * tries for _, tries in there) / runs) / (problems - 1)
    mean = math.fsum(passed / tries for passed, tries in there) / problems
    harmonic = problems / math.fsum(1 / tries for _, tries in there)
    return Components(mean, inside, max(0.0, (outside - inside) / typical), problems, harmonic)


@dataclass(frozen=True)
class Bar:
    """Problems whose observed rate is in low…high."""

    low: float
    high: float
    """Equal to `low` for a bar of one rate; otherwise rates above `low` (0 excluded) up to `high` (1 excluded)."""
    problems: int
    alike: float
    """So many problems would be here on average if all had the mean rate: what chance alone makes of these tries."""


@dataclass(frozen=True)
class Histogram:
    """Bars from 0 to 1; "never" and "always passed" have bars of their own."""

    bars: tuple[Bar, ...]
    fewest: int
    most: int
    """Fewest and most tries of a problem. n tries have n + 1 possible rates and show a difference of 1/n at best."""


def histogram(counts: Counts) -> Histogram | None:
    """Problems by observed rate; None without any tries.

    Where all have equally many tries, up to `BARS`, every possible rate has a bar; else there are `BARS` bars
    between those of 0 and of 1. Few tries spread alike problems widely, so every bar says how many it would hold by
    chance alone: only what differs from that is a difference between problems.
    """
    there = tried(counts)
    if not there:
        return None
    sizes = Counter(tries for _, tries in there)
    fewest, most = min(sizes), max(sizes)
    single = fewest == most <= BARS
    step = most if single else BARS
    mean = math.fsum(passed / tries for passed, tries in there) / len(there)
    observed: Counter[int] = Counter()
    alike: dict[int, float] = {}
    for passed, tries in there:
        observed[_place(passed, tries, step, single)] += 1
    for tries, problems in sizes.items():
        for passed in range(tries + 1):
            place = _place(passed, tries, step, single)
            alike[place] = alike.get(place, 0.0) + problems * _chance(passed, tries, mean)
    last = step if single else step + 1
    bars = []
    for place in range(last + 1):
        low, high = (place / step,) * 2 if single else _ends(place, step)
        bars.append(Bar(low, high, observed[place], alike.get(place, 0.0)))
    return Histogram(tuple(bars), fewest, most)


def _place(passed: int, tries: int, step: int, single: bool) -> int:
    """The bar of a rate: 0 for never, the last for always."""
    if passed == tries:
        return step if single else step + 1
    return -(-passed * step // tries)


def _ends(place: int, step: int) -> tuple[float, float]:
    if place == 0:
        return 0.0, 0.0
    if place == step + 1:
        return 1.0, 1.0
    return (place - 1) / step, place / step


def _chance(passed: int, tries: int, rate: float) -> float:
    """The binomial probability."""
    if rate in (0.0, 1.0):
        return float(passed == tries * rate)
    ways = math.lgamma(tries + 1) - math.lgamma(passed + 1) - math.lgamma(tries - passed + 1)
    return math.exp(ways + passed * math.log(rate) + (tries - passed) * math.log1p(-rate))
