"""What a set of problems offers to training by groups of tries, and pass@k and pass^k over a set.

Group-relative policy gradients (GRPO: Shao et al. 2024, arXiv:2402.03300) learn from a problem only where some of G
tries pass and some fail; a group of equal rewards has no gradient. The training signal of a set is the expected share
of mixed groups, the mean over problems of 1 − pᴳ − (1−p)ᴳ. Two sets with the same pass rate can have very
different ones. Counts are (passes, tries) of each problem.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from evalkit.stats.intervals import Interval, normal_quantile, wilson
from evalkit.stats.passk import pass_at_k, pass_hat_k
from evalkit.stats.problem_sets import (
    About,
    Counts,
    SetInterval,
    mean_of_problems,
    no_tries,
    tried,
)
from evalkit.stats.spread import Components, components

FEWEST_OF_THESE = 5
"""With fewer problems, what is averaged over *these* has its interval from those of the problems' rates."""


@dataclass(frozen=True)
class Signal:
    """The expected share of mixed groups."""

    estimate: float | None
    """None without tries, and where single tries leave it open."""
    interval: Interval
    basis: Literal["groups", "beta-binomial", "bounds"]
    """`groups`: without bias, from the tries of each problem. `beta-binomial`: extrapolated from smaller groups by
    assuming that rates follow a beta distribution; the interval assumes nothing. `bounds`: only an interval."""
    counted: int
    """The size of the groups that the tries could form: `group`, or less."""
    problems: int
    """Problems with so many tries; the others are left out."""


def mixed(rate: float, group: int) -> float:
    """The chance that some of `group` tries pass and some fail."""
    return 1 - rate**group - (1 - rate) ** group


def problem_signal(passed: int, tries: int, group: int) -> float:
    """The chance that a group is mixed, estimated without bias: the share of all choices of `group` tries that are.

    A U-statistic (Hoeffding 1948, "A class of statistics with asymptotically normal distribution", Ann. Math. Stat.
    19). Raises ValueError if there are fewer tries than that.
    """
    return max(0.0, pass_at_k(passed, tries, group) - pass_hat_k(passed, tries, group))


def training_signal(counts: Counts, group: int = 8, confidence: float = 0.95, *, about: About = "like_these") -> Signal:
    """The expected share of mixed groups of `group` tries at a problem of the set.

    With `group` tries at every problem: the mean of their unbiased estimates. With fewer, groups of the k tries that
    there are say what they can: the chance that G tries are mixed is a concave, increasing function of the chance
    that k are, so Jensen's inequality bounds the mean from above, the chord from below, and a fitted beta
    distribution gives a value between. Raises ValueError for groups of less than two.
    """
    if group < 2:
        raise ValueError(f"a group needs at least two tries, not {group}")
    there = tried(counts)
    usable = [count for count in there if count[1] > 1]
    if not usable:
        return _of_single_tries(there, group, confidence)
    size = min(group, *(tries for _, tries in usable))
    part = _averaged(usable, size, confidence, about, problem_signal, lambda rates: image_of_mixed(rates, size))
    if size == group:
        return Signal(part.estimate, Interval(part.low, part.high), "groups", group, len(usable))
    high = mixed(_rate_of(part.high, size), group)
    low = min(high, part.low * mixed(0.5, group) / mixed(0.5, size))  # by chance, more groups are mixed than can be
    found = components(usable)
    rate = math.fsum(passed / tries for passed, tries in usable) / len(usable)
    guess = beta_signal(found, group) if found else mixed(rate, group)
    return Signal(min(max(guess, low), high), Interval(low, high), "beta-binomial", size, len(usable))


def _of_single_tries(there: Counts, group: int, confidence: float) -> Signal:
    """One try a problem: half of the problems passed may be every problem at 50 %, or half of them always."""
    rate = wilson(sum(passed for passed, _ in there), len(there), confidence)
    nearest = min(max(0.5, rate.low), rate.high)
    return Signal(None, Interval(0.0, mixed(nearest, group)), "bounds", 1, len(there))


def image_of_mixed(rates: Interval, group: int) -> Interval:
    """All chances of a mixed group that an interval of one rate allows."""
    ends = mixed(rates.low, group), mixed(rates.high, group)
    return Interval(min(ends), mixed(0.5, group) if 0.5 in rates else max(ends))


def _rate_of(share: float, group: int) -> float:
    """The rate up to 1/2 whose groups are mixed with the chance `share`, by bisection; 1/2 for more than it gives."""
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mixed(middle, group) < share else (low, middle)
    return high


def beta_signal(found: Components, group: int) -> float:
    """The signal if the rates followed a beta distribution with this mean and these variances.

    The chance that all of G tries fail is then a product over them (Skellam 1948, "A probability distribution
    derived from the binomial distribution", J. R. Stat. Soc. B 10).
    """
    together = found.correlation / (1 - found.correlation) if found.correlation < 1 else math.inf
    if not 0 < found.mean < 1 or math.isinf(together):
        return 0.0

    def all_equal(rate: float) -> float:
        # the chance of the next one to be like all before it: (rate + i·θ) / (1 + i·θ), θ = ρ/(1−ρ)
        return math.exp(math.fsum(math.log((rate + i * together) / (1 + i * together)) for i in range(group)))

    return max(0.0, 1 - all_equal(found.mean) - all_equal(1 - found.mean))


def set_pass_at_k(counts: Counts, k: int, confidence: float = 0.95, *, about: About = "like_these") -> SetInterval:
    """The mean over problems of the chance that at least one of `k` tries passes; problems with fewer are left out.

    Without bias (`passk.pass_at_k`). Raises ValueError for a k below 1.
    """
    return _over_k(counts, k, confidence, about, pass_at_k, lambda rate: 1 - (1 - rate) ** k)


def set_pass_hat_k(counts: Counts, k: int, confidence: float = 0.95, *, about: About = "like_these") -> SetInterval:
    """The same of the chance that all of `k` tries pass (`passk.pass_hat_k`)."""
    return _over_k(counts, k, confidence, about, pass_hat_k, lambda rate: rate**k)


def _over_k(
    counts: Counts,
    k: int,
    confidence: float,
    about: About,
    estimate: Callable[[int, int, int], float],
    grows: Callable[[float], float],
) -> SetInterval:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    enough = [count for count in tried(counts) if count[1] >= k]
    return _averaged(enough, k, confidence, about, estimate, lambda rate: Interval(grows(rate.low), grows(rate.high)))


def _averaged(
    enough: Counts,
    size: int,
    confidence: float,
    about: About,
    estimate: Callable[[int, int, int], float],
    image: Callable[[Interval], Interval],
) -> SetInterval:
    """The mean over problems of a chance in `size` tries, each estimated without bias.

    The interval of a sample of problems also covers for these problems alone: the variance between values is their
    own and that between problems, and bets keep their level for unequal means (the arithmetic mean exceeds the
    geometric). For `these`, few problems have a better one: from the intervals of their rates, which all hold at once.
    """
    normal_quantile(confidence)  # refuses levels that cannot be
    if not enough:
        return no_tries()
    values = [estimate(passed, tries, size) for passed, tries in enough]
    if about == "like_these":
        return mean_of_problems(values, confidence)
    if len(enough) >= FEWEST_OF_THESE:
        return mean_of_problems(values, confidence, fewest_for_t=FEWEST_OF_THESE)
    each = 1 - (1 - confidence) / len(enough)
    parts = [image(wilson(passed, tries, each)) for passed, tries in enough]
    mean = math.fsum(values) / len(values)
    low = min(mean, math.fsum(part.low for part in parts) / len(parts))
    high = max(mean, math.fsum(part.high for part in parts) / len(parts))
    why = "the rate of each problem lies in its interval, all at once (Bonferroni)"
    return SetInterval(low, high, mean, "Wilson", why, len(enough))
