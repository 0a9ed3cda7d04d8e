"""Pass counts for every cell of a grid of limits and tolerances, without clipping or grading cell by cell.

A rollout passes where the limits reach its submission and the tolerances allow it. Both are thresholds: per rollout
one point on the axes of limits, and a few boxes on the axes of tolerances. A grid of any size then costs one addition
per box corner and a running sum along every axis.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from evalkit.landscape.directions import Line
from evalkit.landscape.knobs import LIMITS
from evalkit.landscape.thresholds import Box, Reach, Trial, breakpoints, passing_boxes
from evalkit.task.grade import Grade, Measurement

if TYPE_CHECKING:  # NumPy is loaded where it calculates
    from numpy.typing import NDArray

Grader = Callable[[Sequence[float], Measurement], Grade]
"""`(values of the tolerance axes, measurement) → grade`; pure, and monotone in every value."""


@dataclass(frozen=True)
class Axis:
    """One knob and the values it takes, ascending. Infinite stands for no limit."""

    knob: str
    values: tuple[float, ...]
    line: Line | None = None
    """Of a tolerance whose values are places on a line: negative ones, or those of a knob that loosens downwards."""

    def __post_init__(self) -> None:
        if not self.values or any(a >= b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise ValueError(f"the values of {self.knob} must ascend, and there must be some")

    @property
    def is_limit(self) -> bool:
        """Whether it is a budget; else it is a tolerance."""
        return self.knob in LIMITS


@dataclass(frozen=True)
class Counts:
    """Per cell, in the order of the axes: how many rollouts passed, and of how many nobody knows whether they did, of
    how many that are not errors there."""

    axes: tuple[Axis, ...]
    passed: NDArray[np.int32]
    graded: NDArray[np.int32]
    unknown: NDArray[np.int32]


def count(trials: Sequence[Trial], axes: Sequence[Axis], grader: Grader) -> Counts:
    """Count passes on the whole grid.

    Every limit that is not an axis must be one under which the trials were taken. Time: the grading of each trial at a
    few points per tolerance axis, then O(cells). Memory: three 32-bit numbers a cell.
    """
    shape = tuple(len(axis.values) for axis in axes)
    passed = np.zeros(shape, np.int32)
    errors = np.zeros(shape, np.int32)
    unknown = np.zeros(shape, np.int32)
    tolerances = [axis for axis in axes if not axis.is_limit]
    for trial in trials:
        anywhere = tuple((0, len(axis.values)) for axis in tolerances)
        for grid, gaps in ((errors, trial.errors), (unknown, trial.unknown)):
            for start, end in gaps:
                _add(grid, _place(start, axes, anywhere))
                if end is not None:
                    _add(grid, _place(end, axes, anywhere), -1)
        if trial.error:
            _add(errors, _place(trial.reach, axes, anywhere))
        elif trial.measurement is not None:
            for box in _passing(trial.measurement, tolerances, grader):
                _add(passed, _place(trial.reach, axes, box))
    for grid in (passed, errors, unknown):
        for axis in range(grid.ndim):
            np.cumsum(grid, axis=axis, out=grid)
    return Counts(tuple(axes), passed, np.int32(len(trials)) - errors, unknown)


def _passing(measurement: Measurement, tolerances: Sequence[Axis], grader: Grader) -> list[Box]:
    """Where on the grid of tolerances this submission passes."""

    def passes(place: tuple[int, ...]) -> bool:
        return grader([axis.values[n] for axis, n in zip(tolerances, place, strict=True)], measurement).passed

    if measurement.fault:  # no threshold could change it
        return []
    strictest = grader([axis.values[0] for axis in tolerances], measurement)
    loosest = grader([axis.values[-1] for axis in tolerances], measurement)
    positive = breakpoints((strictest, loosest))
    cuts = []
    for axis in tolerances:
        size = len(axis.values)
        hints = axis.line.hints((strictest, loosest)) if axis.line and axis.line.signed else positive
        inner = {bisect_left(axis.values, hint) for hint in hints}
        cuts.append(sorted({0, size} | {cut for cut in inner if 0 < cut < size}))
    return passing_boxes(passes, cuts)


def _place(needed: Reach, axes: Sequence[Axis], box: Box) -> Box:
    """The box with the limits that are needed filled in."""
    ranges = iter(box)
    return tuple(
        (bisect_left(axis.values, needed.of(axis.knob)), len(axis.values)) if axis.is_limit else next(ranges)
        for axis in axes
    )


def _add(grid: NDArray[np.int32], box: Box, weight: int = 1) -> None:
    """Mark the corners of a box, so that running sums along every axis add `weight` inside it, nothing outside."""
    for corner in product(*(((low, 1), (high, -1)) for low, high in box)):
        place = tuple(index for index, _ in corner)
        if all(index < size for index, size in zip(place, grid.shape, strict=True)):
            sign = weight
            for _, part in corner:
                sign *= part
            grid[place] += sign
