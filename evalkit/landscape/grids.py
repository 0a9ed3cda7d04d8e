"""Dense grids for pictures: the exact rate between the swept values, on an evenly spaced or a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from evalkit.display.figure import Axis as PlotAxis
from evalkit.landscape.compute import Axis, Counts, count
from evalkit.landscape.curves import Curve, Nest
from evalkit.landscape.directions import Line
from evalkit.landscape.knobs import LIMITS
from evalkit.landscape.landscape import FacetResult
from evalkit.landscape.thresholds import Trial
from evalkit.task.grade import Grade, Measurement

if TYPE_CHECKING:  # NumPy is loaded where it calculates
    from numpy.typing import NDArray

MAP_SHARE = 0.1
"""The same of a heat map, whose cells need room."""
LOGARITHMIC_FROM = 12.0
"""Ratio of the largest to the smallest value shown from which an axis is logarithmic."""
SMALLEST_SHARE = 1e-4
"""How far below all other values a picture follows a tolerance down to where the first run passes: answers that are
exact pass at tolerances that nobody sets."""


@dataclass(frozen=True)
class Scale:
    """The part of an axis that a picture shows."""

    knob: str
    low: float
    high: float
    logarithmic: bool

    @property
    def whole(self) -> bool:
        """Whether only whole numbers make sense."""
        return self.knob in LIMITS

    def axis(self, end: str = "") -> PlotAxis:
        """The same for a figure; `end` stands at the largest value instead of a number."""
        return PlotAxis(self.low, self.high, self.knob, self.logarithmic, self.whole, end=end)

    def values(self, number: int) -> tuple[float, ...]:
        """Evenly spaced values from end to end; of a budget, whole numbers only, so there may be fewer."""
        space = np.geomspace if self.logarithmic else np.linspace
        found = space(self.low, self.high, number)
        if self.whole:
            return tuple(sorted({float(round(value)) for value in found}))
        return tuple(float(value) for value in found)


@dataclass(frozen=True)
class ProblemGrid:
    """What a set of problems shows on a grid: every problem weighs the same, however many tries it had there."""

    low: NDArray[np.float64]
    """Mean over problems of their rates, with unknown tries failed; 0 where nothing was graded."""
    high: NDArray[np.float64]
    """The same with unknown tries passed."""
    problems: NDArray[np.int32]
    """Those with a try that is no error."""
    in_band: NDArray[np.int32]
    """Those of which the observed rate is in the band."""


@dataclass(frozen=True)
class Slice:
    """One heat map of a facet: two knobs vary, the other nested ones are fixed."""

    at: Mapping[str, float]
    counts: Counts
    """Of exactly two axes."""
    of_set: ProblemGrid | None = None

    @property
    def rates(self) -> NDArray[np.float64]:
        """Shares, of a set the mean over problems; NaN where nothing was graded, and where some runs are unknown."""
        graded = self.counts.graded
        known = (graded > 0) & (self.counts.unknown == 0)
        if self.of_set:
            return np.where(known, self.of_set.low, np.nan)
        return np.where(known, self.counts.passed / np.maximum(graded, 1), np.nan)


def scale(axis: Axis, result: FacetResult, follow: float = SMALLEST_SHARE) -> Scale:
    """From where the curve leaves 0 % to the largest swept value, with all that is recommended in between.

    Of a budget never beyond what is known; of a tolerance down to `follow` of the smallest of these values.
    """
    nest = result.nest
    assert nest is not None
    swept = [value for value in axis.values if value < math.inf]
    end = nest.base[axis.knob] if axis.is_limit else math.inf
    if end == math.inf and (axis.is_limit or not swept):
        reached = [trial.reach.of(axis.knob) for trial in nest.trials if axis.is_limit]
        swept += [1.05 * max((value for value in reached if value < math.inf), default=1.0)]
    shown = [*swept, *_recommended(axis.knob, result)]
    begins = [_leaves_zero(curve) for curve in result.curves if curve.knob == axis.knob]
    if not axis.is_limit and nest.line(axis.knob).signed:
        return _signed_scale(axis.knob, [*shown, *(value for value in begins if math.isfinite(value))])
    smallest = 1.0 if axis.is_limit else min(shown) * follow
    shown += [max(value, smallest) for value in begins if value < end]
    low, high = min(shown), min(max(shown), end)
    if high <= low:
        low, high = low * 0.5, low * 1.5
    logarithmic = low > 0 and high / low >= LOGARITHMIC_FROM
    below = low / (high / low) ** 0.05 if logarithmic else low - 0.05 * (high - low)
    return Scale(axis.knob, max(below, 1.0 if axis.is_limit else low * 0.5), high, logarithmic)


def _signed_scale(knob: str, shown: Sequence[float]) -> Scale:
    """Of a knob that may be 0 and less, or loosens downwards: evenly spaced, with a margin at both ends."""
    low, high = min(shown), max(shown)
    margin = 0.05 * (high - low) or 0.5 * abs(low) or 0.5
    return Scale(knob, low - margin, high + margin, logarithmic=False)


def _recommended(knob: str, result: FacetResult) -> list[float]:
    """The value that is recommended and the ends of the range around it; without one, the value that is likeliest."""
    found = next((found for found in result.recommendations if found.knob == knob), None)
    if found is None or found.candidate is None:
        return []
    ends = [found.certain.low, found.certain.high] if found.certain else []
    return [found.candidate, *(end for end in ends if 1e-300 < abs(end) < math.inf)]


def _leaves_zero(curve: Curve) -> float:
    """The value at which the first run passes; infinite where none does, or where some do at whatever value."""
    if curve.steps[0].passed:
        return math.inf
    return curve.turned(next((step.value for step in curve.steps[1:] if step.passed), math.inf))


def slices(result: FacetResult, across: str, up: str, size: tuple[int, int]) -> list[Slice]:
    """Heat maps of `across` × `up`, one for every combination of the other swept knobs."""
    nest = result.nest
    assert nest is not None
    by_name = {axis.knob: axis for axis in result.facet.axes}
    others = [axis for axis in result.facet.axes if axis.knob not in (across, up)]
    found = []
    for combination in product(*(axis.values for axis in others)):
        at = dict(zip((axis.knob for axis in others), combination, strict=True))
        first = Axis(across, scale(by_name[across], result, MAP_SHARE).values(size[0]))
        second = Axis(up, scale(by_name[up], result, MAP_SHARE).values(size[1]))
        axes = first, second
        found.append(Slice(at, grid(nest, at, axes), _by_problem(nest, at, axes) if nest.of_set else None))
    return found


def _by_problem(nest: Nest, at: Mapping[str, float], axes: Sequence[Axis]) -> ProblemGrid:
    """One problem after the other, so that memory does not grow with their number."""
    shape = tuple(len(axis.values) for axis in axes)
    low, high, problems, in_band = (
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.int32),
    )
    band = nest.terms.band
    for trials in nest.by_problem():
        counts = grid(nest, at, axes, trials)
        graded = np.maximum(counts.graded, 1)
        problems += counts.graded > 0
        low += counts.passed / graded
        high += (counts.passed + counts.unknown) / graded
        known = counts.graded - counts.unknown
        rate = counts.passed / np.maximum(known, 1)
        in_band += (known > 0) & (band.low <= rate) & (rate <= band.high)
    some = np.maximum(problems, 1)
    return ProblemGrid(low / some, high / some, problems, in_band)


def grid(nest: Nest, at: Mapping[str, float], axes: Sequence[Axis], trials: Sequence[Trial] | None = None) -> Counts:
    """Counts on a grid of some knobs, all others at their values in `at`, or else in the top cell; of all trials, or
    of some."""
    names = [axis.knob for axis in axes]
    fixed = [Axis(knob, ({**nest.base, **at}[knob],)) for knob in nest.base if knob not in names]
    lines = {knob: nest.line(knob) for knob in nest.tolerances}
    every = [_placed(axis, lines.get(axis.knob)) for axis in (*axes, *fixed)]
    # The grader takes its values in the order of its own knobs, which are the tolerances.
    order = [axis.knob for axis in every if not axis.is_limit]
    places = [(order.index(knob), lines[knob]) for knob in nest.tolerances]

    def grade(values: Sequence[float], measured: Measurement) -> Grade:
        return nest.grader([line.turned(values[n]) for n, line in places], measured)

    counts = count(nest.trials if trials is None else trials, every, grade)
    shape = tuple(len(axis.values) for axis in axes)
    turned = tuple(n for n, axis in enumerate(axes) if nest.turns(axis.knob))
    parts = (np.flip(part.reshape(shape), turned) for part in (counts.passed, counts.graded, counts.unknown))
    return Counts(tuple(axes), *parts)


def _placed(axis: Axis, line: Line | None) -> Axis:
    """The same with places on its line for values."""
    if line is None:
        return axis
    return Axis(axis.knob, tuple(sorted(map(line.turned, axis.values))), line)


def edges(values: Sequence[float], logarithmic: bool) -> list[float]:
    """The borders between values, for drawing each as a tile: one more than there are values."""
    if len(values) == 1:
        return [values[0] * 0.9, values[0] * 1.1] if values[0] > 0 else [1.1 * values[0] - 0.1, 0.9 * values[0] + 0.1]
    points = [math.log(value) for value in values] if logarithmic else list(values)
    middles = [(a + b) / 2 for a, b in pairwise(points)]
    ends = [points[0] - (middles[0] - points[0]), *middles, points[-1] + (points[-1] - middles[-1])]
    return [math.exp(end) for end in ends] if logarithmic else ends
