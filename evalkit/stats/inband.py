"""Chance that the true rate at a chosen value of a knob lies in the band, and how many runs it takes to know.

At a value v of a nested knob K(v) of n runs pass, a binomial count with the true rate F(v). Let p be the chance of so
many passes or more if the rate were the band's lower end, and q the chance of so few or fewer at its upper end (exact
one-sided tests: Clopper & Pearson 1934). F and K both grow with v. So if any value with F(v) below the band had p ≤ t,
the last such value would, and that happens with a chance of t at most; the same above the band. Hence the values
where p and q are at most α/2 are *all* in the band with a chance of 1 − α, and one of them may be chosen after seeing
the runs. It is the argument behind order statistics as bounds of quantiles (David & Nagaraja 2003, "Order
statistics", 3rd ed., section 7.1), and holds for ties and jumps too. Of several curves to choose from, each gets its
share of α (Bonferroni). Where looking decided when to stop, e-values take the place of p and q (Ville's inequality:
`evalkit.stats.evidence`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from evalkit.stats.evidence import log_evidence_above, log_evidence_below
from evalkit.stats.verdict import Band

MOST_RUNS = 10_000
"""What would take more runs is not searched for."""


@dataclass(frozen=True)
class Plan:
    """How the runs came about, as far as the strength of what they prove depends on it."""

    curves: int = 1
    """Curves among which the one that is spoken about was chosen by the same runs."""
    stopped: bool = False
    """Whether the results could end the sampling (`runs.until=decided`), or what the runs cost, or a signal."""


def chance_in_band(passed: Any, runs: Any, band: Band, plan: Plan = Plan()) -> Any:
    """At least this sure is it that the true rate is in the band; NumPy arrays broadcast, the result is an array.

    Of all sweeps, at most a share of 1 − c recommends a value outside of the band with a chance of c or more, whatever
    the task is and however the value was chosen.
    """
    import numpy

    passed, runs = numpy.asarray(passed, dtype=float), numpy.asarray(runs, dtype=float)
    ends = []
    if band.low > 0:
        ends.append(_at_most(passed, runs, band.low, plan, below=True))
    if band.high < 1:
        ends.append(_at_most(passed, runs, band.high, plan, below=False))
    if not ends:
        return numpy.ones_like(runs)
    worst = numpy.maximum.reduce(ends)
    return numpy.where(runs > 0, numpy.clip(1 - len(ends) * plan.curves * worst, 0, 1), 0.0)


def is_below(passed: int, runs: int, share: float, confidence: float, plan: Plan = Plan()) -> bool:
    """Whether the true rate is below `share`, at `confidence`: a one-sided test, the value not chosen by the runs."""
    return bool(_at_most(passed, runs, share, plan, below=False) * plan.curves <= 1 - confidence) if runs else False


def is_above(passed: int, runs: int, share: float, confidence: float, plan: Plan = Plan()) -> bool:
    """The same from above."""
    return bool(_at_most(passed, runs, share, plan, below=True) * plan.curves <= 1 - confidence) if runs else False


def _at_most(passed: Any, runs: Any, share: float, plan: Plan, *, below: bool) -> Any:
    """The p-value of "the rate is at most `share`" (`below`: many passes speak against it), or of "at least"."""
    import numpy

    if plan.stopped:
        evidence = (log_evidence_above if below else log_evidence_below)(passed, runs, share)
        return numpy.exp(-numpy.maximum(evidence, 0))
    return _tail(passed, runs, share) if below else _tail(runs - passed, runs, 1 - share)


def _tail(passed: Any, runs: Any, share: float) -> Any:
    """P(Bin(runs, share) ≥ passed), as a quantile-free incomplete beta function."""
    import numpy
    from scipy.special import betainc  # type: ignore[import-untyped]

    passed = numpy.asarray(passed, dtype=float)
    return numpy.where(passed <= 0, 1.0, betainc(numpy.maximum(passed, 1), runs - passed + 1, share))


@lru_cache(maxsize=256)
def fewest_runs(band: Band, confidence: float, plan: Plan = Plan()) -> int | None:
    """The fewest runs of which some number of passes is sure to mean the band; None above `MOST_RUNS`.

    36 for 10–40 % at 95 %. For a band of all rates it is 1.
    """
    first = 1
    for runs in range(1, MOST_RUNS):
        # the fewest passes that exclude the lower end; it grows by 0 or 1 with each run
        while first < runs and not _enough(first, runs, band, confidence, plan, low=True):
            first += 1
        if chance_in_band(first if band.low > 0 else 0, runs, band, plan) >= confidence:
            return runs
    return None


def _enough(passed: int, runs: int, band: Band, confidence: float, plan: Plan, *, low: bool) -> bool:
    one_end = Band(band.low, 1.0) if low else Band(0.0, band.high)
    ends = (band.low > 0) + (band.high < 1)
    return bool(chance_in_band(passed, runs, one_end, plan) >= 1 - (1 - confidence) / max(ends, 1))


def runs_to_be_sure(rate: float, band: Band, confidence: float, plan: Plan = Plan()) -> int | None:
    """About how many runs with an observed `rate` make the band sure, to two digits; None: more than `MOST_RUNS`.

    If the true rate is what was observed, the chance to be sure then is about one half: an order of magnitude.
    """

    def sure(runs: int) -> bool:
        return bool(chance_in_band(round(rate * runs), runs, band, plan) >= confidence)

    high = 1
    while not sure(high):
        high *= 2
        if high > MOST_RUNS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if sure(middle) else (middle, high)
    digits = 10 ** max(len(str(high)) - 2, 0)
    rounded: int = -(-high // digits) * digits
    return rounded


def floored(chance: float) -> str:
    """`95.3%`, never more than it is, and never certainty."""
    return f"{min(math.floor(1000 * chance + 1e-9), 999) / 10:.1f}%"
