"""Searching a knob that needs new rollouts for a pass rate in the band: where to sample next, and when to stop. Pure.

What is believed about every candidate comes from a Gaussian process on the logit of the pass rate, with the binomial
likelihood in Laplace's approximation (Rasmussen & Williams 2006, "Gaussian processes for machine learning", sections
3.4 and 3.6). It decides only where to look. What is *said* comes from a confidence sequence for each candidate, which
holds however it was chosen and whenever one looks; the k-th candidate that is visited gets 1/(k(k+1)) of the allowed
error, so that all of them together keep it, if the rollouts of different candidates are independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from evalkit.stats.intervals import Interval
from evalkit.stats.sequential import ConfidenceSequence
from evalkit.stats.verdict import Band, Decision

if TYPE_CHECKING:  # NumPy is loaded where it calculates
    from numpy.typing import NDArray

GridPoint = tuple[int, ...]
"""Index of a candidate value, for every searched knob."""

LEVEL, SLOPE, WIGGLE, REACH = 2.0, 6.0, 1.2, 0.25
"""Prior of the logit: standard deviations of its level, of its change from end to end and of what is left beside a
straight line, and how far (as a share of the range) that reaches. Wide enough for any pass rate at any value."""
HOPELESS = 0.01
"""Nothing is sampled any more when every candidate is in the band with less than this chance."""


@dataclass
class Visit:
    """What is known about one candidate from its own runs."""

    sequence: ConfidenceSequence
    seen: int = 0
    """Runs, errors included."""

    @property
    def passed(self) -> int:
        """Runs that passed."""
        return self.sequence.passed

    @property
    def runs(self) -> int:
        """Runs without errors."""
        return self.sequence.runs

    def decision(self, band: Band) -> Decision:
        """What its own runs say."""
        return self.sequence.decide(band)


@dataclass
class Search:
    """Feed it with results; it says where to sample next until a candidate is in the band for sure."""

    sizes: tuple[int, ...]
    """Number of candidate values of each knob."""
    band: Band
    confidence: float
    batch: int = 8
    """Runs between two decisions where to sample."""
    max_runs: int = 400
    visits: dict[GridPoint, Visit] = field(default_factory=dict)

    @property
    def spent(self) -> int:
        """Runs so far."""
        return sum(visit.seen for visit in self.visits.values())

    @property
    def found(self) -> GridPoint | None:
        """The candidate whose own runs say that it is in the band."""
        decided = (place for place, visit in self.visits.items() if visit.decision(self.band) is Decision.IN_BAND)
        return next(decided, None)

    def tell(self, place: GridPoint, results: Sequence[bool | None]) -> None:
        """All runs of a candidate so far, in their order; None is an error. Those that are known are skipped."""
        if place not in self.visits:
            order = len(self.visits) + 1
            error = (1 - self.confidence) / (order * (order + 1))
            self.visits[place] = Visit(ConfidenceSequence(1 - error))
        visit = self.visits[place]
        for passed in results[visit.seen :]:
            if passed is not None:
                visit.sequence.observe(passed)
        visit.seen = max(visit.seen, len(results))

    def next(self) -> tuple[GridPoint, int] | None:
        """The candidate to sample and how many runs it should have then; None if there is nothing left to do."""
        if self.found is not None or self.spent >= self.max_runs:
            return None
        if not self.visits:
            return tuple(size // 2 for size in self.sizes), min(self.batch, self.max_runs)
        chances, rates = self.beliefs()
        middle, half = (self.band.low + self.band.high) / 2, (self.band.high - self.band.low) / 2
        # Of candidates that are as likely in the band, the one nearest to its middle is decided with the fewest runs.
        merit = np.where(chances > HOPELESS, chances - 0.15 * np.minimum(1, np.abs(rates - middle) / half), -np.inf)
        for place, visit in self.visits.items():
            if visit.decision(self.band) is not Decision.UNDECIDED:
                merit[place] = -np.inf
        if not np.isfinite(merit).any():
            return None
        best = np.unravel_index(int(np.argmax(merit)), self.sizes)
        place = tuple(int(index) for index in best)
        seen = self.visits[place].seen if place in self.visits else 0
        return place, seen + min(self.batch, self.max_runs - self.spent)

    def nearest(self) -> GridPoint:
        """The candidate that was found, or else the likeliest of those that are undecided, or else of all visited."""
        if self.found is not None:
            return self.found
        guesses, _ = self.beliefs()

        def likely(place: GridPoint) -> tuple[bool, float]:
            return self.visits[place].decision(self.band) is Decision.UNDECIDED, float(guesses[place])

        return max(self.visits, key=likely)

    def guess(self, place: GridPoint) -> float:
        """How likely a candidate is in the band if the rate is as smooth along the knobs as the prior has it.

        It holds on average over such tasks, not for each: good enough to choose where to look, and no more.
        """
        return float(self.beliefs()[0][place])

    def beliefs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Per candidate: the chance that its rate is in the band, and its expected rate. Shaped like `sizes`."""
        where = np.array(list(product(*(range(size) for size in self.sizes))), float)
        points = where / np.maximum(1, np.array(self.sizes) - 1)
        visited = np.array([np.ravel_multi_index(place, self.sizes) for place in self.visits])
        passed = np.array([visit.passed for visit in self.visits.values()], float)
        runs = np.array([visit.runs for visit in self.visits.values()], float)
        mean, deviation = _posterior(points, visited, passed, runs)
        low, high = _logit(self.band.low), _logit(self.band.high)
        chances = _below((high - mean) / deviation) - _below((low - mean) / deviation)
        rates = 1 / (1 + np.exp(-mean))
        return chances.reshape(self.sizes), rates.reshape(self.sizes)

    def interval(self, place: GridPoint) -> Interval:
        """Of a visited candidate's rate: holds at its share of the confidence, whenever one looks."""
        return self.visits[place].sequence.interval


def _posterior(
    points: NDArray[np.float64], visited: NDArray[np.int_], passed: NDArray[np.float64], runs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of the logit at all points, given passes of runs at the visited ones."""
    at = points[visited]
    prior = _covariance(at, at)
    logit = np.zeros(len(at))
    for _ in range(100):  # Newton's method on a concave function: a handful of rounds, damped for safety
        rate = 1 / (1 + np.exp(-logit))
        weight = np.maximum(runs * rate * (1 - rate), 1e-9)
        root = np.sqrt(weight)
        factor = np.eye(len(at)) + root[:, None] * prior * root[None, :]
        target = weight * logit + passed - runs * rate
        inner = target - root * np.linalg.solve(factor, root * (prior @ target))
        step = prior @ inner - logit
        logit = logit + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            break
    rate = 1 / (1 + np.exp(-logit))
    root = np.sqrt(np.maximum(runs * rate * (1 - rate), 1e-9))
    factor = np.eye(len(at)) + root[:, None] * prior * root[None, :]
    cross = _covariance(points, at)
    mean = cross @ (passed - runs * rate)
    explained = np.einsum("ij,ji->i", cross * root[None, :], np.linalg.solve(factor, (cross * root[None, :]).T))
    centred = points - 0.5
    variance = LEVEL**2 + SLOPE**2 * (centred**2).sum(axis=1) + WIGGLE**2 - explained
    return mean, np.sqrt(np.maximum(variance, 1e-12))


def _covariance(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    distance = ((one[:, None, :] - other[None, :, :]) ** 2).sum(axis=2)
    smooth = WIGGLE**2 * np.exp(-distance / (2 * REACH**2))
    found: NDArray[np.float64] = LEVEL**2 + SLOPE**2 * ((one - 0.5) @ (other - 0.5).T) + smooth
    return found


def _logit(rate: float) -> float:
    if rate <= 0 or rate >= 1:
        return -math.inf if rate <= 0 else math.inf
    return math.log(rate / (1 - rate))


def _below(z: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtr  # type: ignore[import-untyped]

    found: NDArray[np.float64] = ndtr(z)
    return found
