"""Two launches over sets of problems: which problems both have, and how they differ problem by problem."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.results.problem_tallies import outcome_tallies
from evalkit.results.reading import RunRecord
from evalkit.results.set_summary import rate_over
from evalkit.results.summary import Rate
from evalkit.stats.intervals import normal_quantile
from evalkit.stats.paired_sets import SetComparison, compare_sets
from evalkit.stats.problem_sets import About, Counts, variance
from evalkit.stats.unpaired_sets import compare_unpaired

POWER = 0.8
"""Of the number of problems that is said to tell a difference from chance."""


@dataclass(frozen=True)
class CommonProblems:
    """The problems of two launches by their ids."""

    same: tuple[str, ...]
    """Those that both sides ask, in the order of the second: they are paired."""
    changed: tuple[str, ...] = ()
    """Those that have one id and two questions: they are left out."""
    only_old: tuple[str, ...] = ()
    only_new: tuple[str, ...] = ()
    reworded: bool = False
    """Whether every question differs though the problems are the same: the prompt changed."""


@dataclass(frozen=True)
class ProblemDifference:
    """One problem on both sides; passes and tries without errors."""

    problem: str
    old: tuple[int, int]
    new: tuple[int, int]

    @property
    def difference(self) -> float:
        """Of the observed rates, new minus old."""
        return self.new[0] / self.new[1] - self.old[0] / self.old[1]


@dataclass(frozen=True)
class SetDifference:
    """The difference of two launches over the problems that both tried, or, if there is none, over different ones."""

    comparison: SetComparison
    common: CommonProblems
    problems: tuple[ProblemDifference, ...]
    """The largest difference first; equal ones in the order of the launch."""
    problems_needed: int | None
    """Problems (on each side, if they differ) with as many tries that would tell a difference as large as the observed
    one from chance with probability `POWER`; None where the rates are equal or the differences do not vary."""

    @property
    def tries(self) -> int:
        """On both sides together, at the problems that are compared."""
        return sum(each.old[1] + each.new[1] for each in self.problems)


def common_problems(old: Mapping[str, str], new: Mapping[str, str], *, same_source: bool) -> CommonProblems:
    """Match problems by id. Each side: id → question.

    `same_source`: whether one id names one problem whatever its wording; if not, problems drawn from two seeds have
    the same ids by accident.
    """
    both = [name for name in new if name in old]
    equal = [name for name in both if old[name] == new[name]]
    reworded = bool(both) and not equal and same_source
    same = both if reworded else equal
    changed = [name for name in both if name not in set(same)]
    only_old, only_new = (tuple(name for name in one if name not in other) for one, other in ((old, new), (new, old)))
    return CommonProblems(tuple(same), tuple(changed), only_old, only_new, reworded)


def set_rate(rate: Rate, runs: Sequence[RunRecord], about: About, confidence: float) -> Rate:
    """The rate with the interval and the mean that a set has: every problem weighs the same."""
    found = rate_over(list(outcome_tallies(runs).values()), about, confidence)
    return replace(rate, interval=found.interval, mean=found.value)


def compare_problems(
    old: Sequence[RunRecord], new: Sequence[RunRecord], common: CommonProblems, confidence: float
) -> SetDifference:
    """Pair by problem; without a common one, compare the problems of both sides as two samples.

    A problem with no graded try on one side says nothing.
    """
    before, after = outcome_tallies(old), outcome_tallies(new)
    if not common.same:
        sides = [[(each.passed, each.tries) for each in tallies.values()] for tallies in (before, after)]
        return _of_samples(compare_unpaired(sides[0], sides[1], confidence), common, sides, confidence)
    pairs = [
        ProblemDifference(name, (one.passed, one.tries), (two.passed, two.tries))
        for name in common.same
        if (one := before.get(name)) and (two := after.get(name)) and one.tries and two.tries
    ]
    found = compare_sets([each.old for each in pairs], [each.new for each in pairs], confidence)
    ordered = sorted(pairs, key=lambda each: -abs(each.difference))
    return SetDifference(found, common, tuple(ordered), _needed([each.difference for each in pairs], confidence))


def _of_samples(
    found: SetComparison, common: CommonProblems, sides: Sequence[Counts], confidence: float
) -> SetDifference:
    """Needed on each side: (z₁₋α⁄₂ + z_power)² · (variance + variance) / difference² (first order)."""
    rates = [[passed / tries for passed, tries in side if tries] for side in sides]
    spread = math.fsum(variance(side) for side in rates if len(side) > 1)
    if not found.difference or abs(found.difference) < 1e-12 or spread < 1e-12:
        return SetDifference(found, common, (), None)
    quantiles = normal_quantile(confidence) + normal_quantile(2 * POWER - 1)
    return SetDifference(found, common, (), math.ceil(quantiles**2 * spread / found.difference**2))


def _needed(differences: Sequence[float], confidence: float) -> int | None:
    """(z₁₋α⁄₂ + z_power)² · variance / difference², the size of a paired test of a mean (first order)."""
    if len(differences) < 2:
        return None
    mean, spread = math.fsum(differences) / len(differences), variance(differences)
    if abs(mean) < 1e-12 or spread < 1e-12:
        return None
    quantiles = normal_quantile(confidence) + normal_quantile(2 * POWER - 1)
    return math.ceil(quantiles**2 * spread / mean**2)
