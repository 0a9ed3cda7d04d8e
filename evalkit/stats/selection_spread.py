"""The spread of pass rates over a set of problems: a Bayesian mixture of bumps, fitted to passes and tries.

The rates of a set are taken as a sample from an unknown distribution. It is modelled as a mixture of Gaussian bumps of
several widths, and of single points, on the scale θ = arcsin √p, on which a pass rate that was observed in n tries has
the standard deviation 1/(2√n) everywhere. Wide bumps describe smooth spreads with few weights; the narrowest are about
half as wide as what the tries can tell apart, and with the points they describe spreads of a few values. The weights
have a Dirichlet prior that counts as much as four problems. Draws from their posterior (a Gibbs sampler: Diebolt &
Robert 1994, "Estimation of finite mixture distributions through Bayesian sampling", J. R. Stat. Soc. B 56) carry the
uncertainty of the fit into all that is said of a problem; the plain maximum of the likelihood would choose too many
false ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from evalkit.stats.verdict import Band

PRIOR_PROBLEMS = 4.0
"""So many problems the prior of the weights counts as."""
DRAWS, DISCARDED = 200, 40
WIDE_BUMPS = (0.1, 0.3)
COARSEST, FINEST = 0.018, 0.004
"""Steps of the grid in θ."""


@dataclass(frozen=True)
class Grid:
    """Pass rates on which spreads are represented, and the bumps that they are mixtures of."""

    rates: Any
    """(points,): 0, 1, and points between them, about equally far apart in θ, none on an edge of the band."""
    in_band: Any
    """(points,) booleans."""
    bumps: Any
    """(bumps, points): probabilities; every row sums to 1. A single point is a bump, too."""
    prior: Any
    """(bumps,): prior mean of the weights; every width has the same share."""

    def likelihood(self, passes: Any, tries: Any, *, scaled: bool = True) -> Any:
        """(cells, points): chance of exactly these results at every rate; `scaled`: up to a factor of the cell."""
        import numpy

        passes, failures = numpy.asarray(passes)[:, None], (numpy.asarray(tries) - numpy.asarray(passes))[:, None]
        from scipy.special import xlog1py, xlogy  # type: ignore[import-untyped]

        logs = xlogy(passes, self.rates) + xlog1py(failures, -self.rates)
        return numpy.exp(logs - logs.max(1, keepdims=True) if scaled else logs)


def grid(band: Band, most_tries: int) -> Grid:
    """The grid for a band and for problems of up to `most_tries` tries: more tries, finer grid and bumps."""
    return _grid(band, min(COARSEST, max(FINEST, 0.2 / math.sqrt(max(most_tries, 1)))))


@lru_cache(maxsize=16)
def _grid(band: Band, step: float) -> Grid:
    import numpy

    edges = [0.0, math.asin(math.sqrt(band.low)), math.asin(math.sqrt(band.high)), math.pi / 2]
    angles, inside = [numpy.zeros(1)], [numpy.array([band.low <= 0])]
    for part, (left, right) in enumerate(pairwise(edges)):
        if right > left:
            points = max(1, round((right - left) / step))
            angles.append(left + (right - left) * (numpy.arange(points) + 0.5) / points)
            inside.append(numpy.full(points, part == 1))
    theta = numpy.concatenate([*angles, [math.pi / 2]])
    bumps = [numpy.eye(len(theta)), *(_bumps(theta, width) for width in (step / 0.6, *WIDE_BUMPS))]
    prior = numpy.concatenate([numpy.full(len(rows), 1 / len(rows) / len(bumps)) for rows in bumps])
    rates = numpy.sin(theta) ** 2
    rates[-1] = 1.0
    in_band = numpy.concatenate([*inside, [band.high >= 1]])
    return Grid(rates, in_band, numpy.concatenate(bumps), prior)


def _bumps(theta: Any, width: float) -> Any:
    """Gaussian bumps about one width apart; what reaches beyond 0 or π/2 is folded back."""
    import numpy

    centres = numpy.linspace(0, math.pi / 2, max(3, math.ceil(math.pi / 2 / width) + 1))[:, None]
    images = (centres, -centres, math.pi - centres)
    rows = sum(numpy.exp(-0.5 * ((theta - image) / width) ** 2) for image in images)
    return rows / rows.sum(1, keepdims=True)


def fit(likelihood: Any, problems: Any, prior: Any, rounds: int = 30) -> Any:
    """(…, bumps): the mean weights, by expectation–maximisation with the prior as further problems.

    `likelihood` is (cells, bumps), `problems` (…, cells) counts the problems of each cell; leading axes are sets.
    """
    import numpy

    total = problems.sum(-1, keepdims=True)
    weights = numpy.broadcast_to(prior, (*problems.shape[:-1], len(prior)))
    for _ in range(rounds):
        shares = problems / numpy.maximum(weights @ likelihood.T, 1e-300)
        weights = (weights * (shares @ likelihood) + PRIOR_PROBLEMS * prior) / (total + PRIOR_PROBLEMS)
    return weights


@dataclass(frozen=True)
class Posterior:
    """What is known of each problem of a set, given all of them: draws of the spread, and the problems under each."""

    passes: Any
    """(cells,): problems with equal passes and equal tries share a cell."""
    tries: Any
    problems: Any
    """(cells,): how many problems each cell has."""
    cell: Any
    """(problems,): the cell of every problem."""
    grid: Grid
    likelihood: Any
    """(cells, points)."""
    spreads: Any
    """(draws, points): the probability of every rate, under every draw of the spread."""

    def means(self, function: Callable[[Any], Any]) -> Any:
        """(draws, cells): the posterior mean of `function(rates)` of a problem of each cell, under each draw."""
        return self._mean(function(self.grid.rates))

    def in_band(self) -> Any:
        """(draws, cells): the probability that the rate of a problem is in the band."""
        return self._mean(self.grid.in_band)

    def _mean(self, values: Any) -> Any:
        return (self.spreads @ (self.likelihood * values).T) / (self.spreads @ self.likelihood.T)


def posterior(counts: Sequence[tuple[int, int]], band: Band) -> Posterior:
    """Fit the spread of a set and draw from its posterior; the same counts in any order give the same numbers.

    Args:
        counts: passes and tries of every problem; a problem without tries is described by the others.
        band: the grid has no point across its edges.

    Raises:
        ValueError: without problems, and where passes are not between 0 and the tries.
    """
    import numpy

    table = checked(counts)
    cells, cell, problems = numpy.unique(table, axis=0, return_inverse=True, return_counts=True)
    points = grid(band, int(table[:, 1].max()))
    likelihood = points.likelihood(cells[:, 0], cells[:, 1])
    spreads = draw_spreads(points, likelihood, problems)
    return Posterior(cells[:, 0], cells[:, 1], problems, cell.reshape(-1), points, likelihood, spreads)


def draw_spreads(points: Grid, likelihood: Any, problems: Any, draws: int = DRAWS) -> Any:
    """(draws, points): spreads from their posterior, by Gibbs sampling from a fixed seed."""
    import numpy

    rng = numpy.random.default_rng(0)
    of_bumps = likelihood @ points.bumps.T
    weights = fit(of_bumps, problems, points.prior, 20)
    kept = []
    for number in range(DISCARDED + draws):
        shares = of_bumps * weights
        shares /= shares.sum(1, keepdims=True)
        # the bump that each problem comes from, then the weights given the bumps
        origins = rng.multinomial(problems, shares).sum(0)
        weights = rng.standard_gamma(PRIOR_PROBLEMS * points.prior + origins)
        weights /= weights.sum()
        if number >= DISCARDED:
            kept.append(weights @ points.bumps)
    return numpy.array(kept)


def checked(counts: Sequence[tuple[int, int]]) -> Any:
    """(problems, 2) integers; raises ValueError where they are no counts of passes and tries."""
    import numpy

    table = numpy.asarray(counts, dtype=int).reshape(-1, 2)
    if not len(table):
        raise ValueError("a selection needs problems: there are none")
    wrong = numpy.flatnonzero((table[:, 0] < 0) | (table[:, 0] > table[:, 1]))
    if len(wrong):
        passes, tries = table[wrong[0]]
        raise ValueError(f"{passes} of {tries} tries cannot have passed")
    return table
