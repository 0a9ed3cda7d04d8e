"""A figure as data: axes and what is drawn on them. `evalkit.display.svg` draws it for pages and for files.

What is drawn has a `kind`: a class of the style sheet `assets/figure.css`, which gives it its colour and its stroke.
Intervals are calculated where a figure is made, never where it is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Axis:
    """From `low`, at the left or at the bottom, to `high`, in the unit of the data."""

    low: float
    high: float
    label: str = ""
    logarithmic: bool = False
    whole: bool = False
    """Only whole numbers make sense."""
    percent: bool = False
    """Shares, written in percent."""
    names: tuple[tuple[float, str], ...] | None = None
    """These instead of round numbers."""
    end: str = ""
    """What stands at `high` instead of a number, such as `no limit`."""

    def share(self, value: float) -> float:
        """Where a value lies, from 0 at `low` to 1 at `high`; what lies outside is drawn at the edge."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = _log(low), _log(high), _log(value)
        return min(1.0, max(0.0, (value - low) / (high - low))) if high != low else 0.0

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Places and their texts: `names`, quarters of a share, or at most so many round numbers."""
        if self.names is not None:
            return list(self.names)
        if self.percent:
            return [(share, f"{100 * share:.0f}%") for share in QUARTERS if self.low <= share <= self.high]
        found = [(value, number(value)) for value in round_numbers(self, most)]
        if not self.end:
            return found
        return [*(tick for tick in found if self.share(tick[0]) <= 0.88), (self.high, self.end)]


@dataclass(frozen=True)
class Line:
    """Through the points, or with `step` at the height of each up to the next: the last one ends the line."""

    points: tuple[tuple[float, float], ...]
    kind: str = "curve"
    step: bool = False


@dataclass(frozen=True)
class Band:
    """Between a low and a high end at every x."""

    points: tuple[tuple[float, float, float], ...]
    kind: str = "interval"
    step: bool = False


@dataclass(frozen=True)
class Point:
    """A dot, or a round tag around `text`."""

    x: float
    y: float
    kind: str = "mark"
    text: str = ""
    title: str = ""
    """What a pointer above it reads."""
    id: str = ""
    """A point with one can be chosen in a page, by mouse and by keyboard."""


@dataclass(frozen=True)
class Box:
    """A rectangle: a bar of a histogram, a target range, an interval as a thick stroke. None: as far as the axis."""

    x: tuple[float, float] | None
    y: tuple[float, float] | None
    kind: str = "bar"
    title: str = ""


@dataclass(frozen=True)
class Segment:
    """A straight stroke, such as an error bar."""

    start: tuple[float, float]
    end: tuple[float, float]
    kind: str = "whisker"


@dataclass(frozen=True)
class Rule:
    """A vertical line from bottom to top, and its name."""

    x: float
    text: str = ""
    kind: str = "limit"
    below: bool = False
    """Its name stands at the bottom."""


@dataclass(frozen=True)
class Field:
    """A heat map: a tile for every pair of neighbouring edges, its share between 0 and 1, or None where unknown.

    `shares[i][j]` lies between `x[i]` and `x[i + 1]`, and between `y[j]` and `y[j + 1]`. A line runs along the border
    of `band`, wherever one of two neighbours is inside.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    shares: tuple[tuple[float | None, ...], ...]
    band: tuple[float, float] | None = None


Item = Line | Band | Point | Box | Segment | Rule | Field


@dataclass(frozen=True)
class Figure:
    """One plot. What stands later in `items` is drawn above what stands before."""

    label: str
    """What it shows, for those who do not see it."""
    x: Axis
    y: Axis
    items: tuple[Item, ...]
    kind: str = "plot"
    """Its size and its margins in a page: a class of the style sheet."""
    title: str = ""


def histogram(edges: Sequence[float], counts: Sequence[int]) -> tuple[Box, ...]:
    """A bar for each pair of neighbouring edges; `counts` has one entry fewer than `edges`."""
    return tuple(
        Box((low, high), (0, count), title=f"{number(low)} to {number(high)}: {count}")
        for (low, high), count in zip(pairwise(edges), counts, strict=True)
    )


def number(value: float) -> str:
    """A number for people: `2,310`, `0.0312`."""
    if value == round(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.3g}"


def round_numbers(axis: Axis, most: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) along an axis, at most so many; few of them on a short axis."""
    if not axis.logarithmic:
        rough = (axis.high - axis.low) / max(most, 1)
        scale = 10 ** math.floor(math.log10(rough))
        step = next(scale * n for n in (1, 2, 5, 10) if scale * n >= rough * (1 - 1e-9))
        step = max(step, 1.0) if axis.whole else step
        first, last = math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9)
        return [float(f"{n * step:.12g}") for n in range(first, last + 1)]
    decades = range(math.floor(math.log10(axis.low)), math.floor(math.log10(axis.high)) + 1)
    for digits in ((1, 2, 3, 4, 6, 8), (1, 2, 5), (1, 3), (1,)):
        found = [float(f"{digit}e{decade}") for decade in decades for digit in digits]
        found = [value for value in found if axis.low <= value <= axis.high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def _log(value: float) -> float:
    """Below the smallest number that a float tells from zero, a logarithmic axis does not reach."""
    return math.log(max(value, 1e-300)) if value < math.inf else math.inf
