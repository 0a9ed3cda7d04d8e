"""Models or settings on the same problems: differences paired by problem, several of them at once, and ranks.

Counts are (passes, tries) of each problem, in the same order for all that are compared. What differs between problems
cancels in the differences, so pairing needs fewer runs. Where the very tries are shared (two graders, two limits), a
single try has a difference, too: `comparisons.compare_paired` is about these problems, and what is here about problems
like these.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from evalkit.stats.intervals import Interval
from evalkit.stats.problem_sets import Counts, mean_of_problems, mean_rate, tried, variance

EXACT_WORK = 20_000_000
"""Up to so many steps the permutation distribution is computed; beyond, `DRAWS` permutations are drawn."""
DRAWS = 9_999
FEWEST_FOR_T = 5
"""Differences are nearly symmetric, so that Student's t serves them with fewer problems than it does rates."""


@dataclass(frozen=True)
class SetComparison:
    """How the mean rates of two sets of tries at the same problems differ: second minus first."""

    difference: float | None
    """None if no problem was tried by both."""
    interval: Interval
    p_value: float
    method: Literal["exact permutation", "drawn permutations"]
    problems: int
    """Problems that both tried; the others are left out."""
    saved: float | None
    """How many times as many runs two sets of different problems would need for an interval of this width; below 1,
    pairing cost runs. None if the differences do not vary, or of fewer than two problems."""

    def differs(self, confidence: float = 0.95) -> bool:
        """Whether the test rejects that the two are the same."""
        return self.p_value <= 1 - confidence


def compare_sets(first: Counts, second: Counts, confidence: float = 0.95, *, seed: int = 0) -> SetComparison:
    """Two sets of tries at the same problems, problem by problem. Raises ValueError for lists of unequal length.

    The interval is that of problems like these, of the differences (`problem_sets.mean_of_problems`, which knows them
    as values between −1 and 1).
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} problems cannot be paired with {len(second)}")
    tried(first), tried(second)  # refuse impossible counts
    pairs = [(one, two) for one, two in zip(first, second, strict=True) if one[1] and two[1]]
    rates_1 = [passed / tries for (passed, tries), _ in pairs]
    rates_2 = [passed / tries for _, (passed, tries) in pairs]
    differences = [two - one for one, two in zip(rates_1, rates_2, strict=True)]
    half = mean_of_problems([(1 + each) / 2 for each in differences], confidence, fewest_for_t=FEWEST_FOR_T)
    interval = Interval(2 * half.low - 1, 2 * half.high - 1)
    p_value, method = sign_flips(pairs, seed=seed)
    mean = math.fsum(differences) / len(differences) if differences else None
    return SetComparison(mean, interval, p_value, method, len(pairs), _saved(rates_1, rates_2, differences))


def _saved(first: Sequence[float], second: Sequence[float], differences: Sequence[float]) -> float | None:
    """Variance of the difference of two unpaired means over that of the paired one, both per problem."""
    if len(differences) < 2:
        return None
    paired = variance(differences)
    return (variance(first) + variance(second)) / paired if paired > 1e-12 else None


def sign_flips(
    pairs: Sequence[tuple[tuple[int, int], tuple[int, int]]], *, seed: int = 0
) -> tuple[float, Literal["exact permutation", "drawn permutations"]]:
    """The two-sided p-value of "which of the two a problem's rate belongs to makes no difference".

    Then each problem's difference is as likely with the other sign: how many of all 2ᵐ choices of signs have a sum as
    far from 0 (Fisher 1935, "The design of experiments", section 21). With equally many tries on both sides of a
    problem, it follows from equal rates; with unequal ones it is approximate. With one try each it is McNemar's exact
    test. Very large sets draw signs and count the observed ones among them, which keeps the level (Phipson & Smyth
    2010, Stat. Appl. Genet. Mol. Biol. 9).
    """
    scale = math.lcm(*{tries for pair in pairs for _, tries in pair}) if pairs else 1
    steps = [abs(two[0] * (scale // two[1]) - one[0] * (scale // one[1])) for one, two in pairs]
    observed = abs(sum(two[0] * (scale // two[1]) - one[0] * (scale // one[1]) for one, two in pairs))
    steps = [step for step in steps if step]
    shared = math.gcd(*steps) or 1
    steps, observed = [step // shared for step in steps], observed // shared
    if sum(steps) * len(steps) <= EXACT_WORK:
        return _exact_flips(steps, observed), "exact permutation"
    largest = max(steps)  # whole numbers with many different numbers of tries exceed what a float can hold
    return _drawn_flips([step / largest for step in steps], observed / largest, seed), "drawn permutations"


def _exact_flips(steps: Sequence[int], observed: int) -> float:
    """P(|Σ ±step| ≥ observed), the signs independent and even; by following the sum from problem to problem."""
    if not observed:
        return 1.0
    import numpy

    most = sum(steps)
    chance = numpy.zeros(2 * most + 1)  # of Σ ±step + most
    chance[most] = 1.0
    for step in steps:
        chance = (numpy.roll(chance, step) + numpy.roll(chance, -step)) / 2  # never reaches the ends before the last
    return min(1.0, float(2 * chance[most + observed :].sum()))


def _drawn_flips(steps: Sequence[float], observed: float, seed: int) -> float:
    """The share of `DRAWS` choices of signs, and the observed one, whose sum is as far from 0."""
    import numpy

    random, sums = numpy.random.default_rng(seed), numpy.zeros(DRAWS)
    for step, problems in sorted(Counter(steps).items()):  # of equal steps, only how many are positive matters
        sums += step * (2.0 * random.binomial(problems, 0.5, DRAWS) - problems)
    return float(1 + (abs(sums) >= observed * (1 - 1e-9)).sum()) / (1 + DRAWS)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number: of those at most α, any at all is a false one with a chance of α at most.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6; whatever their
    dependence. Raises `ValueError` for a p-value outside 0 to 1.
    """
    if not all(0 <= p_value <= 1 for p_value in p_values):
        raise ValueError("p-values must be between 0 and 1")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


@dataclass(frozen=True)
class Rank:
    """Where a model stands among those compared."""

    model: str
    rate: float | None
    best: int
    """The best rank it can have: 1 more than the models that are better for certain."""
    worst: int


@dataclass(frozen=True)
class Ranking:
    """Several models on the same problems."""

    ranks: tuple[Rank, ...]
    """By rate, the highest first. With the confidence asked for, all true ranks lie in best…worst."""
    pairs: dict[tuple[str, str], SetComparison]
    """Every two models, second minus first; p-values not adjusted."""
    adjusted: dict[tuple[str, str], float]
    """Holm's p-values of the same."""


def rank_models(counts: Mapping[str, Counts], confidence: float = 0.95, *, seed: int = 0) -> Ranking:
    """Compares every two models by problem and ranks all, with what the adjusted tests leave open.

    A rank is at least 1 more than the models found better, and at most what the models found worse leave: Mogstad,
    Romano, Shaikh & Wilhelm (2024), "Inference for ranks with applications to mobility across neighbourhoods and
    academic achievement across countries", Rev. Econ. Stud. 91.
    Raises `ValueError` for a confidence that is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    pairs = {
        two: compare_sets(counts[two[0]], counts[two[1]], confidence, seed=seed) for two in combinations(counts, 2)
    }
    adjusted = dict(zip(pairs, holm([pair.p_value for pair in pairs.values()]), strict=True))
    better, worse = dict.fromkeys(counts, 0), dict.fromkeys(counts, 0)  # models that are, for certain
    for (one, two), pair in pairs.items():
        if adjusted[one, two] <= 1 - confidence and pair.difference:
            low, high = (one, two) if pair.difference > 0 else (two, one)
            better[low] += 1
            worse[high] += 1
    rates = {model: mean_rate(of) for model, of in counts.items()}
    order = sorted(counts, key=lambda model: rates[model] or 0.0, reverse=True)
    ranks = tuple(Rank(model, rates[model], 1 + better[model], len(counts) - worse[model]) for model in order)
    return Ranking(ranks, pairs, adjusted)
