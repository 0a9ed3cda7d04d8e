"""Dense grids for pictures: the exact rate between the swept values, on an evenly spaced or a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np

from evalkit.landscape.compute import Axis, Counts, count
from evalkit.landscape.curves import Nest
from evalkit.landscape.knobs import LIMITS
from evalkit.landscape.survey import PanelResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOGARITHMIC_FROM = 12.0
"""Ratio of the largest to the smallest swept value from which an axis is logarithmic."""


@dataclass(frozen=True)
class Scale:
    """The part of an axis that a picture shows."""

    knob: str
    low: float
    high: float
    logarithmic: bool

    def values(self, number: int) -> tuple[float, ...]:
        """Evenly spaced values from end to end; of a budget, whole numbers only, so there may be fewer."""
        space = np.geomspace if self.logarithmic else np.linspace
        found = space(self.low, self.high, number)
        if self.knob in LIMITS:
            return tuple(sorted({float(round(value)) for value in found}))
        return tuple(float(value) for value in found)


@dataclass(frozen=True)
class Slice:
    """One heat map of a panel: two knobs vary, the other nested ones are fixed."""

    at: Mapping[str, float]
    counts: Counts
    """Of exactly two axes."""

    @property
    def rates(self) -> NDArray[np.float64]:
        """Shares; NaN where nothing was graded, and where some runs are unknown."""
        graded = self.counts.graded
        known = (graded > 0) & (self.counts.unknown == 0)
        return np.where(known, self.counts.passed / np.maximum(graded, 1), np.nan)


def scale(axis: Axis, nest: Nest) -> Scale:
    """From a little below the smallest swept value to the largest; of a budget never beyond what is known."""
    swept = [value for value in axis.values if value < math.inf]
    end = nest.base[axis.knob] if axis.is_limit else math.inf
    if end == math.inf and (axis.is_limit or not swept):
        reached = [trial.reach.of(axis.knob) for trial in nest.trials if axis.is_limit]
        swept += [max((value for value in reached if value < math.inf), default=1.0)]
    low, high = min(swept), min(max(swept), end)
    logarithmic = low > 0 and high / low >= LOGARITHMIC_FROM
    below = low / 1.3 if logarithmic else max(low - 0.15 * (high - low), low * 0.5)
    smallest = 1.0 if axis.is_limit else min(low, high) * 1e-3
    low = max(below, smallest)
    return Scale(axis.knob, low, high if high > low else low * 1.5, logarithmic)


def slices(result: PanelResult, across: str, up: str, size: tuple[int, int]) -> list[Slice]:
    """Heat maps of `across` × `up`, one for every combination of the other swept knobs."""
    nest = result.nest
    assert nest is not None
    by_name = {axis.knob: axis for axis in result.panel.axes}
    others = [axis for axis in result.panel.axes if axis.knob not in (across, up)]
    found = []
    for combination in product(*(axis.values for axis in others)):
        at = dict(zip((axis.knob for axis in others), combination, strict=True))
        first = Axis(across, scale(by_name[across], nest).values(size[0]))
        second = Axis(up, scale(by_name[up], nest).values(size[1]))
        found.append(Slice(at, grid(nest, at, (first, second))))
    return found


def grid(nest: Nest, at: Mapping[str, float], axes: Sequence[Axis]) -> Counts:
    """Counts on a grid of some knobs, all others at their values in `at`, or else in the top cell."""
    names = [axis.knob for axis in axes]
    fixed = [Axis(knob, ({**nest.base, **at}[knob],)) for knob in nest.base if knob not in names]
    every = [*axes, *fixed]
    # The judge takes its values in the order of its own knobs, which are the tolerances.
    order = [axis.knob for axis in every if not axis.is_limit]
    places = [order.index(knob) for knob in nest.tolerances]
    counts = count(nest.trials, every, lambda values, measured: nest.judge([values[n] for n in places], measured))
    shape = tuple(len(axis.values) for axis in axes)
    return Counts(tuple(axes), *(grid.reshape(shape) for grid in (counts.passed, counts.graded, counts.unknown)))


def edges(values: Sequence[float], logarithmic: bool) -> list[float]:
    """The borders between values, for drawing each as a tile: one more than there are values."""
    if len(values) == 1:
        return [values[0] * 0.9, values[0] * 1.1]
    points = [math.log(value) for value in values] if logarithmic else list(values)
    middles = [(a + b) / 2 for a, b in pairwise(points)]
    ends = [points[0] - (middles[0] - points[0]), *middles, points[-1] + (points[-1] - middles[-1])]
    return [math.exp(end) for end in ends] if logarithmic else ends
