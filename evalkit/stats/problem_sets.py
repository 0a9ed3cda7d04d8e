"""The pass rate of a set of problems, in its two meanings: of these problems, and of problems like these.

The estimate is the same, the mean of the problems' own rates: every problem weighs the same, however many tries it
had. What varies is not: for *these problems* only the tries are random; for *problems like these* the problems are a
sample too, and all tries at one problem are one draw of it.

Counts are (passes, tries) of each problem. Problems without tries say nothing and are left out of both.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.stats.betting import bounded_mean
from evalkit.stats.intervals import Interval, normal_quantile, wilson
from evalkit.stats.verdict import Band, Decision, decide

Counts = Sequence[tuple[int, int]]
"""Passes and tries of each problem; the numbers of tries may differ and be 0."""

About = Literal["these", "like_these"]
Method = Literal["Wilson", "stratified", "clustered t", "betting", "no tries"]

VARIANCE_CONFIDENCE = 0.95
"""Two-sided level of the bound on the variance within problems (`_variance_bound`)."""
SKEW_FACTOR = 25
"""Cochran's rule (`mean_of_problems`)."""
FEWEST_FOR_T = 20
"""A sample of fewer problems can too easily lack a rare kind of problem altogether, and then does not look skew."""


@dataclass(frozen=True)
class SetInterval(Interval):
    """The pass rate of a set: the mean of its problems' rates, and an interval at the confidence that was asked for."""

    estimate: float | None
    """None without any tries."""
    method: Method
    why: str
    """Why this method, as a sentence without its full stop."""
    problems: int
    """Problems with at least one try."""


def tried(counts: Counts) -> list[tuple[int, int]]:
    """The problems with at least one try. Raises ValueError for counts that cannot be."""
    for passed, tries in counts:
        if not 0 <= passed <= tries:
            raise ValueError(f"{passed} of {tries} tries cannot have passed")
    return [(passed, tries) for passed, tries in counts if tries]


def mean_rate(counts: Counts) -> float | None:
    """The mean of the problems' rates; None without any tries."""
    there = tried(counts)
    return math.fsum(passed / tries for passed, tries in there) / len(there) if there else None


def these_problems(counts: Counts, confidence: float = 0.95) -> SetInterval:
    """The mean rate of exactly these problems: what infinitely many tries at each of them would give.

    The rate fails to be known only because tries are random, independently in each problem, so variances add up by
    stratum (Cochran 1977, "Sampling techniques", 3rd ed., section 5.3) and are never larger than if all problems were
    alike (Hoeffding 1956, "On the distribution of the number of successes in independent trials", Ann. Math. Stat.
    27). The interval is the score interval under that largest variance, and where several tries at several problems
    bound the variance by less, it ends where p̂ ± z·√bound does. One problem: `wilson`, exactly.
    """
    z, there = normal_quantile(confidence), tried(counts)
    estimate = mean_rate(there)
    if estimate is None:
        return no_tries()
    widest = _score(there, estimate, confidence)
    if len(there) == 1:
        return SetInterval(widest.low, widest.high, estimate, "Wilson", "there is one problem", 1)
    half = z * math.sqrt(_variance_bound(there))
    low, high = max(widest.low, estimate - half), min(widest.high, estimate + half)
    if (low, high) == (widest.low, widest.high):
        why = "the tries do not show that problems differ, and alike they vary most"
        return SetInterval(low, high, estimate, "Wilson", why, len(there))
    why = "the tries show that problems differ, so their mean varies less than a single rate"
    return SetInterval(low, high, estimate, "stratified", why, len(there))


def _score(there: Counts, estimate: float, confidence: float) -> Interval:
    """Every mean rate that a score test does not reject under the largest variance that it allows."""
    sizes = Counter(tries for _, tries in there)
    if len(sizes) == 1:
        return wilson(sum(passed for passed, _ in there), sum(tries for _, tries in there), confidence)
    z = normal_quantile(confidence)

    def rejected(mean: float) -> bool:
        return (estimate - mean) ** 2 > z * z * largest_variance(mean, sizes)

    return Interval(_last(rejected, estimate, 0.0), _last(rejected, estimate, 1.0))


def _last(rejected: Callable[[float], bool], inside: float, outside: float) -> float:
    """The end of the interval between a point inside and the end of the scale, by bisection to 1e-12."""
    if inside == outside:
        return outside
    while abs(inside - outside) > 1e-12:
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if rejected(middle) else (middle, outside)
    return inside


def largest_variance(mean: float, sizes: Counter[int]) -> float:
    """The largest variance of the mean of the observed rates over all problems whose true rates have this `mean`.

    `sizes`: how many problems have so many tries. The largest Σ pᵢ(1−pᵢ)/nᵢ given Σ pᵢ has (1 − 2pᵢ)/nᵢ equal
    wherever 0 < pᵢ < 1 (Lagrange). With equal tries all rates are equal: the binomial variance.
    """
    problems = sizes.total()
    mean = min(mean, 1 - mean)  # symmetric in passes and failures
    between = sorted(sizes)  # tries of problems whose rate is above 0: those with more tries reach 0 first
    while True:
        slope = (sum(sizes[n] for n in between) - 2 * problems * mean) / sum(sizes[n] * n for n in between)
        if slope * between[-1] <= 1 or len(between) == 1:
            break
        between.pop()
    rates = {n: max(0.0, (1 - slope * n) / 2) for n in between}
    return math.fsum(sizes[n] * p * (1 - p) / n for n, p in rates.items()) / problems**2


def _variance_bound(there: Counts) -> float:
    """An upper bound of the variance of the mean rate, from the tries at each problem.

    c(n−c)/(n²(n−1)) estimates a problem's part without bias and lies between 0 and a known largest value, so the
    mean of these parts has Wilson's upper bound for bounded variables, whose variance is largest when they are
    binary. A single try shows nothing: 1/4.
    """
    parts = [(passed * (tries - passed)) / (tries * tries * (tries - 1)) for passed, tries in there if tries > 1]
    single = 0.25 * (len(there) - len(parts))
    if not parts:
        return single / len(there) ** 2
    largest = max((n * n // 4) / (n * n * (n - 1)) for n in {tries for _, tries in there if tries > 1})
    share = wilson(min(math.fsum(parts) / largest, float(len(parts))), len(parts), VARIANCE_CONFIDENCE).high
    return (share * largest * len(parts) + single) / len(there) ** 2


def like_these(counts: Counts, confidence: float = 0.95) -> SetInterval:
    """The mean rate of all the problems that these are a random sample of.

    A problem is one observation, its rate, whatever varies within it: clustered by problem (Liang & Zeger 1986,
    Biometrika 73; Miller 2024, "Adding error bars to evals", arXiv:2411.00640). The interval is `mean_of_problems`;
    with one try each, rates are passes or failures, and it is Wilson's.
    """
    there = tried(counts)
    if there and all(tries == 1 for _, tries in there):
        passed = sum(passed for passed, _ in there)
        single = wilson(passed, len(there), confidence)
        why = "with one try a problem, passes are binomial however much problems differ"
        return SetInterval(single.low, single.high, passed / len(there), "Wilson", why, len(there))
    return mean_of_problems([passed / tries for passed, tries in there], confidence)


def mean_of_problems(
    values: Sequence[float], confidence: float = 0.95, *, fewest_for_t: int = FEWEST_FOR_T
) -> SetInterval:
    """The mean of something between 0 and 1 that every problem of a random sample has one value of.

    Student's t for the mean is wrong where few or very unequal problems make it skew; Cochran (1977, "Sampling
    techniques", 3rd ed., section 2.15) wants more than 25 times the squared skewness. Where the sample does not show
    that, or has fewer than `fewest_for_t` problems, the interval is that of `betting.bounded_mean`, which covers for
    any number and any distribution and is wider for it.
    """
    normal_quantile(confidence)  # refuses levels that cannot be
    problems = len(values)
    if not problems:
        return no_tries()
    estimate = math.fsum(values) / problems
    doubt = _doubt_about_t(values, fewest_for_t)
    if doubt:
        bet = bounded_mean(values, confidence)
        return SetInterval(bet.low, bet.high, estimate, "betting", doubt, problems)
    half = t_quantile(problems - 1, confidence) * math.sqrt(variance(values) / problems)
    why = f"{problems} problems are more than {SKEW_FACTOR} times the squared skewness of their values"
    return SetInterval(max(0.0, estimate - half), min(1.0, estimate + half), estimate, "clustered t", why, problems)


def _doubt_about_t(values: Sequence[float], fewest: int) -> str:
    """Why Student's t is not to be trusted with these values; empty if it is."""
    problems = len(values)
    if problems < fewest:
        return f"{problems} problem{'s are' if problems > 1 else ' is'} too few for Student's t"
    if max(values) - min(values) < 1e-12:
        return "all problems show the same, which says nothing about how they vary"
    centre = math.fsum(values) / problems
    second = math.fsum((value - centre) ** 2 for value in values) / problems
    third = math.fsum((value - centre) ** 3 for value in values) / problems
    if problems <= SKEW_FACTOR * third * third / second**3:
        return f"{problems} problems with values so skew are too few for Student's t"
    return ""


def variance(values: Sequence[float]) -> float:
    """The sample variance, of at least two values."""
    centre = math.fsum(values) / len(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)


def t_quantile(freedom: int, confidence: float) -> float:
    """t with P(|T| ≤ t) = `confidence` for Student's T of so many degrees of freedom."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return float(stdtrit(float(freedom), 0.5 + confidence / 2))


def set_verdict(counts: Counts, band: Band, about: About, confidence: float = 0.95) -> Decision:
    """The verdict on the rate that `band.about` names, of the interval of a number of runs fixed beforehand."""
    interval = these_problems(counts, confidence) if about == "these" else like_these(counts, confidence)
    return decide(interval, band)


def no_tries() -> SetInterval:
    """What is known before the first try: nothing."""
    return SetInterval(0.0, 1.0, None, "no tries", "no problem was tried", 0)
