"""What more tries and what more problems would buy: predicted half-widths, and the best split of a budget.

Predictions are first-order: the quantile times the standard error that the variance components give. They say what to
expect of a new launch of that size, a little less where few or very unequal problems get a wider interval. They do not
say when to stop a launch that is under way (`set_sequence`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalkit.stats.intervals import normal_quantile
from evalkit.stats.problem_sets import About, t_quantile
from evalkit.stats.spread import Components


@dataclass(frozen=True)
class Split:
    """A number of problems with equally many tries each, and how precise the set's rate would be."""

    problems: int
    tries: int
    half_width: float
    """Of the interval: the rate would be known to within this, either way."""

    @property
    def runs(self) -> int:
        """All tries together."""
        return self.problems * self.tries


def predicted_half_width(
    found: Components, problems: int, tries: float, about: About, confidence: float = 0.95
) -> float:
    """Of the mean rate over so many problems with so many tries each.

    *These*: √(within / (problems·tries)); *like these*: √((between + within/tries) / problems) with Student's t, so
    that tries alone can never get below √(between / problems). Cochran (1977), "Sampling techniques", 3rd ed.,
    section 10.3. Never more than 1/2. Raises ValueError without problems or tries.
    """
    if problems < 1 or tries <= 0:
        raise ValueError(f"{problems} problems × {tries} tries measure nothing")
    if about == "these":
        return min(0.5, normal_quantile(confidence) * math.sqrt(found.within / (problems * tries)))
    if problems == 1:
        return 0.5
    error = math.sqrt((found.between + found.within / tries) / problems)
    return min(0.5, t_quantile(problems - 1, confidence) * error)


def what_more_buys(
    found: Components, about: About, confidence: float = 0.95, *, times: tuple[int, ...] = (2, 4)
) -> tuple[Split, tuple[Split, ...], tuple[Split, ...]]:
    """The plan as it is, those with more tries, and those with more problems, each with so many `times` the runs.

    Tries are rounded to whole numbers first, so all plans can be made. With more problems, *these* are others.
    """
    tries = max(1, round(found.tries))

    def split(problems: int, tries: int) -> Split:
        return Split(problems, tries, predicted_half_width(found, problems, tries, about, confidence))

    now = split(found.problems, tries)
    return (
        now,
        tuple(split(found.problems, tries * more) for more in times),
        tuple(split(found.problems * more, tries) for more in times),
    )


def best_split(
    found: Components,
    budget: int,
    about: About,
    confidence: float = 0.95,
    *,
    most_problems: int | None = None,
    fewest_tries: int = 1,
    problem_cost: float = 0.0,
) -> Split | None:
    """The split of `budget` runs over problems × tries with the smallest predicted half-width; None if none fits.

    For *like these*, more problems are always better than more tries (Cochran 1977, section 10.6), unless there are
    no more than `most_problems`, or a problem costs as much as `problem_cost` tries to make, or each needs
    `fewest_tries` for something else: two show the variance within, G the training signal of groups of G. For
    *these*, all problems are tried, equally often: `most_problems` is their number, else that of `found`.
    Raises `ValueError` for a budget, tries, problems or a cost out of range.
    """
    if (
        budget < 1
        or fewest_tries < 1
        or not 0 <= problem_cost < math.inf
        or (most_problems is not None and most_problems < 1)
    ):
        raise ValueError("a budget, tries and problems must be at least 1, and the cost of a problem from 0 up")
    if about == "these":
        problems = most_problems or found.problems
        tries = math.floor(budget / problems - problem_cost)
        if tries < fewest_tries:
            return None
        return Split(problems, tries, predicted_half_width(found, problems, tries, about, confidence))
    best: Split | None = None
    for tries in _worth_trying(budget, fewest_tries, problem_cost):
        problems = math.floor(budget / (tries + problem_cost))
        problems = problems if most_problems is None else min(problems, most_problems)
        half = predicted_half_width(found, problems, tries, about, confidence)
        if best is None or (half, problems * tries) < (best.half_width, best.runs):
            best = Split(problems, tries, half)
    return best


def _worth_trying(budget: int, fewest: int, cost: float) -> list[int]:
    """Numbers of tries of which any other has the same number of problems, or nearly, and fewer tries."""
    most = math.floor(budget - cost)
    if most < fewest:
        return []
    near = list(range(fewest, min(most, fewest + 2000) + 1))
    steps = {math.floor(budget / problems - cost) for problems in range(1, math.isqrt(budget) + 2)}
    return sorted({*near, *(tries for tries in steps if fewest <= tries <= most)})
