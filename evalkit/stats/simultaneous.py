"""Intervals that hold all at once: for cells of a landscape that share rollouts, for a whole curve, for crossings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from evalkit.stats.intervals import Interval, normal_quantile

if TYPE_CHECKING:  # NumPy is loaded where it calculates
    import numpy

    Array = numpy.ndarray[Any, Any]

DRAWS = 4000
CALIBRATED_CELLS = 20_000
"""Up to this many cells their dependence is measured; beyond, the union bound, which needs no such thing."""
_CHUNK = 2_000


@dataclass(frozen=True)
class Simultaneous:
    """One interval a cell; with the level asked for, all of them hold the true rates together."""

    low: Array
    """float64, one a cell."""
    high: Array
    z: float
    """How many standard errors wide: 1.96 for one cell at 95 %, more the more independent cells there are."""
    method: Literal["shared rollouts", "union bound"]

    def interval(self, cell: int) -> Interval:
        """That of one cell."""
        return Interval(float(self.low[cell]), float(self.high[cell]))


def simultaneous(passed: Array, confidence: float = 0.95, *, seed: int = 0) -> Simultaneous:
    """Intervals for all columns of `passed`, a boolean array [runs, cells] whose rows are rollouts.

    Every interval is exact (Clopper–Pearson) at a local level, so that rare passes are safe. The local level comes
    from the dependence between cells: the quantile of the largest of all standardized deviations under a Gaussian
    multiplier bootstrap over rollouts, and is never stricter than the union bound. Chernozhukov, Chetverikov &
    Kato (2013), "Gaussian approximations and multiplier bootstrap for maxima of sums of high-dimensional random
    vectors", Ann. Stat. 41; single-step max-t: Hothorn, Bretz & Westfall (2008), Biom. J. 50. Deterministic for a
    `seed`. Coverage was measured: `docs/statistics.md`.
    """
    import numpy

    passed = numpy.asarray(passed, dtype=bool)
    runs, cells = passed.shape
    if runs == 0 or cells == 0:
        return Simultaneous(numpy.zeros(cells), numpy.ones(cells), normal_quantile(confidence), "union bound")
    # What every cell would need by itself: the union bound, and nothing less than the pointwise level.
    most = normal_quantile(1 - (1 - confidence) / cells)
    calibrated = 1 < cells <= CALIBRATED_CELLS
    z = min(most, _largest_deviation(passed, confidence, seed)) if calibrated else most
    z = max(z, normal_quantile(confidence))
    low, high = _exact(passed.sum(axis=0), runs, z)
    return Simultaneous(low, high, z, "shared rollouts" if calibrated else "union bound")


def _largest_deviation(passed: Array, confidence: float, seed: int) -> float:
    """The `confidence` quantile of max |Z| over cells, Z having the cells' estimated correlation.

    Cells that no rollout passes have no estimate; together they count as one more cell, independent of the others,
    and so do those that every rollout passes.
    """
    import numpy

    patterns = numpy.unique(passed, axis=1)
    runs = passed.shape[0]
    rates = patterns.mean(axis=0)
    varied = (rates > 0) & (rates < 1)
    constant = int((~varied).sum())  # equal columns are one pattern, so 0, 1 or 2
    patterns, rates = patterns[:, varied], rates[varied]
    rng = numpy.random.default_rng(seed)
    weights = rng.standard_normal((DRAWS, runs), dtype=numpy.float32)
    largest = numpy.zeros(DRAWS, dtype=numpy.float32)
    for start in range(0, patterns.shape[1], _CHUNK):
        part, rate = patterns[:, start : start + _CHUNK], rates[start : start + _CHUNK]
        scaled = ((part - rate) / numpy.sqrt(rate * (1 - rate) * runs)).astype(numpy.float32)
        largest = numpy.maximum(largest, numpy.abs(weights @ scaled).max(axis=1))
    for _ in range(constant):
        largest = numpy.maximum(largest, numpy.abs(rng.standard_normal(DRAWS, dtype=numpy.float32)))
    # Rounded up, because the last digits of a matrix product differ between machines.
    return math.ceil(float(numpy.quantile(largest, confidence)) * 1000) / 1000


def _exact(passed: Array, runs: int, z: float) -> tuple[Array, Array]:
    """Clopper–Pearson intervals whose tails are those of a normal deviate beyond `z`, for an array of counts."""
    import numpy
    from scipy.special import betaincinv, ndtr  # type: ignore[import-untyped]

    tail = float(ndtr(-z))
    counts, inverse = numpy.unique(passed, return_inverse=True)
    low = numpy.where(counts > 0, betaincinv(numpy.maximum(counts, 1), runs - counts + 1, tail), 0.0)
    high = numpy.where(counts < runs, 1 - betaincinv(numpy.maximum(runs - counts, 1), counts + 1, tail), 1.0)
    return low[inverse], high[inverse]


def curve_margin(runs: int, confidence: float = 0.95) -> float:
    """How far a whole curve "share of runs that need at most x" can be off anywhere, at every x at once.

    sqrt(ln(2/α) / 2n). Dvoretzky, Kiefer & Wolfowitz (1956), Ann. Math. Stat. 27, with the constant of Massart
    (1990), "The tight constant in the Dvoretzky–Kiefer–Wolfowitz inequality", Ann. Probab. 18. Holds for any
    distribution, ties included. It serves every nested knob: a token limit, a step limit, a tolerance.
    """
    if runs == 0:
        return 1.0
    return min(1.0, math.sqrt(math.log(2 / (1 - confidence)) / (2 * runs)))


@dataclass(frozen=True)
class Crossing:
    """Where the pass rate reaches a given share as a nested knob is opened."""

    value: float
    """Smallest value of the knob at which the observed rate is at least the share; inf if it never is."""
    low: float
    high: float
    """Interval of the value; inf: no observed value reaches that far."""


def crossing(needed: Sequence[float], share: float, confidence: float = 0.95) -> Crossing:
    """Where the curve "share of runs with needed ≤ x" reaches `share` (0 < share ≤ 1).

    `needed`: per run, the smallest value of the knob that lets it pass, inf for a run that no value lets pass.
    The interval is made of two order statistics, whose ranks have binomial probabilities whatever the
    distribution: David & Nagaraja (2003), "Order statistics", 3rd ed., section 7.1.
    Raises `ValueError` for a share out of range.
    """
    from scipy.special import bdtr

    runs = len(needed)
    if not 0 < share <= 1:
        raise ValueError(f"a share must be above 0 and at most 1, not {share}")
    if runs == 0:
        return Crossing(math.inf, -math.inf, math.inf)
    ordered = sorted(needed)
    tail = (1 - confidence) / 2
    ranks = range(runs + 1)
    # P(fewer than r runs below the true crossing) = bdtr(r − 1): the largest r for which that is at most `tail`
    below = max((r for r in ranks if r == 0 or bdtr(r - 1.0, runs, share) <= tail), default=0)
    above = min((r for r in ranks if r > 0 and 1 - bdtr(r - 1.0, runs, share) <= tail), default=None)
    place = math.ceil(share * runs - 1e-9)
    return Crossing(
        value=ordered[max(place, 1) - 1],
        low=ordered[below - 1] if below else -math.inf,
        high=ordered[above - 1] if above is not None else math.inf,
    )
