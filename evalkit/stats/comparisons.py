"""Two pass rates against each other: independent runs, runs on the same rollouts, and how many runs it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from evalkit.stats.intervals import Interval, normal_quantile, wilson

BOSCHLOO_TABLES = 90_000
"""Up to this many possible outcomes (300 runs against 300: under a second) the more powerful test is computed."""

CONNOR_IS_CLOSE = 1_000
"""Rollouts beyond which the exact power of McNemar's test is not computed."""


@dataclass(frozen=True)
class Comparison:
    """How two pass rates differ: second minus first."""

    difference: float
    interval: Interval
    p_value: float
    """The chance of a difference this large or larger if there is none."""
    method: Literal["Boschloo", "Fisher", "McNemar", "exact permutation", "drawn permutations"]

    def differs(self, confidence: float = 0.95) -> bool:
        """Whether the test rejects that the rates are the same."""
        return self.p_value <= 1 - confidence


def compare_independent(passed_1: int, runs_1: int, passed_2: int, runs_2: int, confidence: float = 0.95) -> Comparison:
    """Two launches that share no rollouts. Runs are counted without errors; no runs at all tell nothing (p = 1)."""
    p_value, method = two_sample_test(passed_1, runs_1, passed_2, runs_2)
    difference = passed_2 / runs_2 - passed_1 / runs_1 if runs_1 and runs_2 else 0.0
    return Comparison(difference, newcombe(passed_1, runs_1, passed_2, runs_2, confidence), p_value, method)


def newcombe(passed_1: int, runs_1: int, passed_2: int, runs_2: int, confidence: float = 0.95) -> Interval:
    """Interval for the difference of two independent rates, second minus first.

    Newcombe (1998), "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Stat. Med. 17, method 10: the two Wilson intervals, added in squares.
    """
    if runs_1 == 0 or runs_2 == 0:
        return Interval(-1.0, 1.0)
    rate_1, rate_2 = passed_1 / runs_1, passed_2 / runs_2
    one, two = wilson(passed_1, runs_1, confidence), wilson(passed_2, runs_2, confidence)
    difference = rate_2 - rate_1
    return Interval(
        difference - math.hypot(rate_2 - two.low, one.high - rate_1),
        difference + math.hypot(two.high - rate_2, rate_1 - one.low),
    )


def two_sample_test(
    passed_1: int, runs_1: int, passed_2: int, runs_2: int
) -> tuple[float, Literal["Boschloo", "Fisher"]]:
    """Two-sided exact p-value that two independent rates are the same, and the test that gave it.

    Boschloo (1970), "Raised conditional level of significance for the 2×2-table when testing the equality of two
    probabilities", Stat. Neerl. 24: keeps its level like Fisher's test and rejects whatever that rejects and more,
    because only the numbers of runs were fixed beforehand and not the number of passes. Its cost grows with the
    number of possible tables, so large samples, where the two agree, get Fisher's.
    """
    if runs_1 == 0 or runs_2 == 0 or passed_1 + passed_2 in (0, runs_1 + runs_2):
        return 1.0, "Boschloo"
    from scipy.stats import boschloo_exact, fisher_exact  # type: ignore[import-untyped]

    table = [[passed_1, passed_2], [runs_1 - passed_1, runs_2 - passed_2]]
    if (runs_1 + 1) * (runs_2 + 1) <= BOSCHLOO_TABLES:
        return min(1.0, float(boschloo_exact(table).pvalue)), "Boschloo"
    return min(1.0, float(fisher_exact(table).pvalue)), "Fisher"


def compare_paired(both: int, only_1: int, only_2: int, neither: int, confidence: float = 0.95) -> Comparison:
    """Two verdicts on the same rollouts (two graders, two limits): how many pass both, one of them, or none."""
    runs = both + only_1 + only_2 + neither
    difference = (only_2 - only_1) / runs if runs else 0.0
    interval = newcombe_paired(both, only_1, only_2, neither, confidence)
    return Comparison(difference, interval, mcnemar(only_1, only_2), "McNemar")


def mcnemar(only_1: int, only_2: int) -> float:
    """Two-sided exact p-value from the runs on which two verdicts on the same rollouts differ.

    McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, with binomial instead of approximate probabilities.
    """
    from scipy.special import bdtr  # type: ignore[import-untyped]

    differing = only_1 + only_2
    if differing == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(float(min(only_1, only_2)), differing, 0.5)))


def newcombe_paired(both: int, only_1: int, only_2: int, neither: int, confidence: float = 0.95) -> Interval:
    """Interval for the difference of two rates over the same rollouts, second minus first.

    Newcombe (1998), "Improved confidence intervals for the difference between binomial proportions based on paired
    data", Stat. Med. 17, method 10: the Wilson intervals, added in squares with the correlation of the verdicts.
    """
    runs = both + only_1 + only_2 + neither
    if runs == 0:
        return Interval(-1.0, 1.0)
    passed_1, passed_2 = both + only_1, both + only_2
    rate_1, rate_2 = passed_1 / runs, passed_2 / runs
    one, two = wilson(passed_1, runs, confidence), wilson(passed_2, runs, confidence)
    phi = _correlation(both, only_1, only_2, neither)
    down, up = (rate_2 - two.low, one.high - rate_1), (two.high - rate_2, rate_1 - one.low)
    difference = rate_2 - rate_1
    return Interval(difference - _length(*down, phi), difference + _length(*up, phi))


def _length(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))


def _correlation(both: int, only_1: int, only_2: int, neither: int) -> float:
    """Newcombe's phi: a positive one is corrected for continuity towards 0."""
    margins = (both + only_1) * (only_2 + neither) * (both + only_2) * (only_1 + neither)
    if margins == 0:
        return 0.0
    excess = float(both * neither - only_1 * only_2)
    if excess > 0:
        excess = max(excess - (both + only_1 + only_2 + neither) / 2, 0.0)
    return excess / math.sqrt(margins)


def runs_to_tell_apart(rate_1: float, rate_2: float, confidence: float = 0.95, power: float = 0.8) -> int:
    """Runs that each of two launches needs, so that a test finds their difference with probability `power`.

    Fleiss, Levin & Paik (2003), "Statistical methods for rates and proportions", 3rd ed., equation 4.14, without
    the correction for continuity, which Boschloo's test does not need.
    Raises `ValueError` for equal rates, and for rates and a power out of range.
    """
    if rate_1 == rate_2:
        raise ValueError("no number of runs tells two equal rates apart")
    if not (0 <= rate_1 <= 1 and 0 <= rate_2 <= 1 and 0.5 <= power < 1):
        raise ValueError("rates must be between 0 and 1, and power from 0.5 to below 1")
    centre = (rate_1 + rate_2) / 2
    null = normal_quantile(confidence) * math.sqrt(2 * centre * (1 - centre))
    found = normal_quantile(2 * power - 1) if power > 0.5 else 0.0
    other = found * math.sqrt(rate_1 * (1 - rate_1) + rate_2 * (1 - rate_2))
    return math.ceil(((null + other) / (rate_1 - rate_2)) ** 2)


def paired_runs_to_tell_apart(only_1: float, only_2: float, confidence: float = 0.95, power: float = 0.8) -> int:
    """Shared rollouts that two verdicts need, so that McNemar's exact test finds their difference with `power`.

    `only_1`, `only_2`: shares of the rollouts that pass the first verdict alone and the second alone. Starts at
    Connor (1987), "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43,
    equation 2, and goes up to the power of the exact test; beyond `CONNOR_IS_CLOSE` rollouts the two agree.
    Raises `ValueError` for equal shares, and for shares and a power out of range.
    """
    if only_1 == only_2:
        raise ValueError("no number of runs tells two equal rates apart")
    if not (only_1 >= 0 and only_2 >= 0 and only_1 + only_2 <= 1 and 0.5 <= power < 1):
        raise ValueError("shares must add up to at most 1, and power must be from 0.5 to below 1")
    differing, difference = only_1 + only_2, only_2 - only_1
    found = normal_quantile(2 * power - 1) if power > 0.5 else 0.0
    spread = found * math.sqrt(max(0.0, differing - difference * difference))
    needed = math.ceil(((normal_quantile(confidence) * math.sqrt(differing) + spread) / difference) ** 2)
    while needed < CONNOR_IS_CLOSE and mcnemar_power(needed, only_1, only_2, confidence) < power:
        needed += 1
    return needed


def mcnemar_power(runs: int, only_1: float, only_2: float, confidence: float = 0.95) -> float:
    """The probability that McNemar's exact test on `runs` rollouts rejects, summed over every number that differs."""
    import numpy
    from scipy.stats import binom

    differing = numpy.arange(runs + 1)
    tail = (1 - confidence) / 2
    most = binom.ppf(tail, differing, 0.5)  # the smallest count with a larger tail, unless it is hit exactly
    most = numpy.where(binom.cdf(most, differing, 0.5) <= tail, most, most - 1)
    share = only_1 / (only_1 + only_2) if only_1 + only_2 else 0.5
    rejects = binom.cdf(most, differing, share) + binom.sf(differing - most - 1, differing, share)
    return float(binom.pmf(differing, runs, only_1 + only_2) @ rejects)
