"""The training signal that chosen problems will give: posterior means, and an interval that holds after choosing.

Chosen problems look better than they are, because luck helped to choose them. The interval is about the mean signal of
the chosen given all counts, for every spread of rates that the counts do not rule out: by the profile likelihood over
all spreads on the grid (Murphy & van der Vaart 2000, "On profile likelihood", J. Am. Stat. Assoc. 95), and at least the
posterior interval of the fitted spread. A few tries at each problem leave the spread itself unknown, however many
problems there are, so the posterior alone is too narrow (docs/selection.md has the figures).
"""

from __future__ import annotations

import math
from typing import Any

from evalkit.stats.intervals import Interval
from evalkit.stats.selection_spread import Posterior

DROP = 1.9207
"""Log-likelihood that a spread within the 95 % interval may lack: half of the quantile of χ² with one degree."""
ROUNDS, HALVINGS = 400, 5
LARGEST_PULL = 128.0


def mixed_moments(fitted: Posterior, group: int, power: int = 1) -> Any:
    """(draws, cells): posterior mean of (1 − pᴳ − (1−p)ᴳ) to a power, the chance of mixed outcomes in a group."""
    return fitted.means(lambda rates: signal_of(rates, group) ** power)


def signal_of(rates: Any, group: int) -> Any:
    """1 − pᴳ − (1−p)ᴳ."""
    return 1 - rates**group - (1 - rates) ** group


def interval(fitted: Posterior, members: Any, group: int) -> Interval:
    """95 % interval for the mean signal of `members` (cells,): how many of the problems of each cell are chosen."""
    ends = (_of_posterior(fitted, members, group), _of_profile(fitted, members, group))
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return Interval(max(0.0, low), min(1.0, high))


def _of_posterior(fitted: Posterior, members: Any, group: int) -> tuple[float, float]:
    """For each draw of the spread, the sum of the members' signals is about normal."""
    import numpy
    from scipy.special import ndtri  # type: ignore[import-untyped]

    first, second = mixed_moments(fitted, group), mixed_moments(fitted, group, 2)
    total = members.sum()
    mean = first @ members / total
    deviation = numpy.sqrt(numpy.maximum(second - first**2, 0) @ members) / total
    values = mean[:, None] + deviation[:, None] * ndtri((numpy.arange(100) + 0.5) / 100)
    low, high = numpy.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _of_profile(fitted: Posterior, members: Any, group: int) -> tuple[float, float]:
    """The likeliest spread is pulled down and up until it lacks `DROP`; the chance of each member is added."""
    import numpy

    signal = signal_of(fitted.grid.rates, group)
    start = numpy.full(len(signal), 1 / len(signal))
    best = _climb(fitted, members, signal, start, 0.0, 3 * ROUNDS)
    density, likeliest, mean = _facts(fitted, members, signal, best)
    first, second = ((fitted.likelihood @ (best * signal**power)) / density for power in (1, 2))
    chance = 1.96 * math.sqrt(float(numpy.maximum(second - first**2, 0) @ members)) / float(members.sum())
    ends = [_pulled(fitted, members, signal, best, likeliest, sign) for sign in (-1, 1)]
    return mean - math.hypot(mean - min(*ends, mean), chance), mean + math.hypot(max(*ends, mean) - mean, chance)


def _pulled(fitted: Posterior, members: Any, signal: Any, weights: Any, likeliest: float, sign: int) -> float:
    """The mean signal under the spread that lacks `DROP`, by doubling and halving the pull."""
    near, far = 0.0, 0.25
    mean = _facts(fitted, members, signal, weights)[2]
    while True:
        weights = _climb(fitted, members, signal, weights, sign * far)
        _, likelihood, mean = _facts(fitted, members, signal, weights)
        if likeliest - likelihood >= DROP or far >= LARGEST_PULL:
            break
        near, far = far, 2 * far
    for _ in range(HALVINGS):
        pull = (near + far) / 2
        found = _climb(fitted, members, signal, weights, sign * pull)
        _, likelihood, there = _facts(fitted, members, signal, found)
        if likeliest - likelihood >= DROP:
            far, weights, mean = pull, found, there
        else:
            near = pull
    return mean


def _climb(fitted: Posterior, members: Any, signal: Any, weights: Any, pull: float, rounds: int = ROUNDS) -> Any:
    """Maximise log-likelihood + pull · (sum of the members' posterior mean signals), by multiplicative steps.

    Without a pull these are the steps of expectation–maximisation; with one they are damped so that no weight becomes
    negative.
    """
    import numpy

    likelihood, problems = fitted.likelihood, fitted.problems
    total = problems.sum()
    for _ in range(rounds):
        density = likelihood @ weights
        share = members / density
        centre = (likelihood @ (weights * signal)) / density
        slope = (problems / density - pull * share * centre) @ likelihood + pull * (share @ likelihood) * signal
        weights = numpy.maximum(weights * (1 + (slope / total - 1) / (1 + abs(pull))), 1e-12)
        weights = weights / weights.sum()
    return weights


def _facts(fitted: Posterior, members: Any, signal: Any, weights: Any) -> tuple[Any, float, float]:
    """The density of each cell, the log-likelihood and the members' mean signal under a spread."""
    import numpy

    density = fitted.likelihood @ weights
    centre = (fitted.likelihood @ (weights * signal)) / density
    return density, float(fitted.problems @ numpy.log(density)), float(members @ centre / members.sum())
