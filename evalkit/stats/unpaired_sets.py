"""Two sets of tries at different problems: the difference of their rates, with the problems of each as a sample.

Tries at one problem are one draw of it, so the problems are compared, not the tries. Counts are (passes, tries) of each
problem.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from evalkit.stats.intervals import Interval
from evalkit.stats.paired_sets import DRAWS, SetComparison
from evalkit.stats.problem_sets import Counts, like_these, tried

if TYPE_CHECKING:  # NumPy is slow to load
    import numpy

EXACT_CHOICES = 20_000
"""Up to so many ways to share out the problems, all are tried; beyond, `DRAWS` of them are drawn."""


def compare_unpaired(first: Counts, second: Counts, confidence: float = 0.95, *, seed: int = 0) -> SetComparison:
    """Two sets of tries at different problems, second minus first.

    The interval joins those of both rates of problems like these (Zou & Donner 2008, "Construction of confidence
    limits about effect measures: a general approach", Stat. Med. 27, which is Newcombe's method 10 for any two).
    """
    sides = [[passed / tries for passed, tries in tried(counts)] for counts in (first, second)]
    one, two = (like_these(counts, confidence) for counts in (first, second))
    p_value, method = shares_swapped(sides[0], sides[1], seed=seed)
    problems = len(sides[0]) + len(sides[1])
    if one.estimate is None or two.estimate is None:
        return SetComparison(None, Interval(-1.0, 1.0), 1.0, method, problems, None)
    difference = two.estimate - one.estimate
    below = math.hypot(two.estimate - two.low, one.high - one.estimate)
    above = math.hypot(two.high - two.estimate, one.estimate - one.low)
    interval = Interval(max(-1.0, difference - below), min(1.0, difference + above))
    return SetComparison(difference, interval, p_value, method, problems, None)


def shares_swapped(
    first: Sequence[float], second: Sequence[float], *, seed: int = 0
) -> tuple[float, Literal["exact permutation", "drawn permutations"]]:
    """The two-sided p-value of "which side a problem is on makes no difference to its rate".

    The share of all ways to deal the problems to two sides of these sizes whose means differ as much, in units of
    their standard error: so the test also holds, in large sets, where only the means of the rates are equal and not
    their spread, as with fewer tries on one side (Janssen 1997, "Studentized permutation tests for non-i.i.d.
    hypotheses and the generalized Behrens-Fisher problem", Stat. Probab. Lett. 36). Where there are too many ways,
    some are drawn, and the observed one counts among them (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9).
    """
    size, total = len(first), len(first) + len(second)
    if not first or not second:
        return 1.0, "exact permutation"
    import numpy

    rates = numpy.array([*first, *second])
    observed = _distances(rates[None, :], size)[0] * (1 - 1e-9)
    if math.comb(total, size) <= EXACT_CHOICES:
        chosen = numpy.array(list(combinations(range(total), size)))
        dealt = numpy.zeros((len(chosen), total), dtype=bool)
        dealt[numpy.arange(len(chosen))[:, None], chosen] = True
        order = numpy.argsort(~dealt, axis=1, kind="stable")
        return float((_distances(rates[order], size) >= observed).mean()), "exact permutation"
    random, as_far = numpy.random.default_rng(seed), 0
    for _ in range(DRAWS):
        as_far += int(_distances(random.permutation(rates)[None, :], size)[0] >= observed)
    return (1 + as_far) / (1 + DRAWS), "drawn permutations"


def _distances(dealt: numpy.ndarray[Any, Any], size: int) -> numpy.ndarray[Any, Any]:
    """How far the means of the first `size` values and of the others are apart, a row each, in standard errors.

    Where a side has one value, it has no variance: then as they are.
    """
    import numpy

    one, two = dealt[:, :size], dealt[:, size:]
    apart: numpy.ndarray[Any, Any] = numpy.abs(one.mean(axis=1) - two.mean(axis=1))
    if min(one.shape[1], two.shape[1]) < 2:
        return apart
    error = numpy.sqrt(one.var(axis=1, ddof=1) / one.shape[1] + two.var(axis=1, ddof=1) / two.shape[1])
    floor = 1e-9  # of two sides that do not vary, any difference is far beyond all others
    return numpy.where(apart < 1e-12, 0.0, apart / numpy.maximum(error, floor))
