"""Figures and sentences about a set in a landscape: its rate and its training signal, by problem and not by try."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from evalkit.display.figure import Axis, Band, Item, Line, Point, Segment
from evalkit.display.rates import range_text, rate_text
from evalkit.landscape.curves import Curve
from evalkit.landscape.grids import Slice
from evalkit.landscape.landscape import Spot
from evalkit.landscape.set_curves import SetPoint, SetStep
from evalkit.results.set_summary import Estimate
from evalkit.util.text import counted, percent


def said_of_set(point: SetPoint) -> str:
    """A cell of a set as a sentence: rate, training signal, problems in the band."""
    return _said(point, point.group)


def said_of_step(step: SetStep, group: int) -> str:
    """The same of a value between cells."""
    return _said(step, group)


def _said(of: SetPoint | SetStep, group: int) -> str:
    rate, signal = (
        range_text(each.interval) if each.value is None else rate_text(each.value, each.interval)
        for each in (of.rate, of.signal)
    )
    return f"{rate}; signal {signal} of groups of {group}; {of.in_band} of {of.problems} problems observed in the band"


def tiles_said(part: Slice) -> Iterator[str]:
    """The tiles of a heat map as sentences, those of the first value across first. Cells and curves have intervals."""
    assert part.of_set is not None
    of, counts = part.of_set, part.counts
    grids = (of.low, of.high, of.problems, of.in_band, counts.passed, counts.graded)
    for low, high, problems, in_band, passed, graded in zip(*(grid.ravel().tolist() for grid in grids), strict=True):
        if not problems:
            yield "no run was graded"
            continue
        rate = percent(low) if low == high else f"between {percent(low)} and {percent(high)}"
        yield (
            f"{rate}, the mean over {counted(problems, 'problem')} ({passed} of {graded} tries pass); "
            f"{in_band} of them observed in the band"
        )


def signal_axis(group: int) -> Axis:
    """Of the share of groups with mixed outcomes."""
    return Axis(0, 1, f"mixed groups of {group}", percent=True)


def rate_items(curve: Curve, low: float, high: float) -> Iterator[Item]:
    """The mean rate with the interval in the meaning that `band.about` names."""
    return _items(curve, low, high, lambda step: step.rate)


def signal_items(curve: Curve, low: float, high: float, spots: Sequence[Spot]) -> Iterator[Item]:
    """The training signal along the curve with its interval, and the swept cells on it."""
    yield from _items(curve, low, high, lambda step: step.signal)
    for spot in spots:
        if spot.set is None:
            continue
        place, signal = min(spot.at[curve.knob], high), spot.set.signal
        yield Segment((place, signal.low), (place, signal.high), "whisker narrow")
        if signal.value is not None:
            yield Point(place, signal.value, "inside" if spot.in_band else "mark", title=said_of_set(spot.set))


def _items(curve: Curve, low: float, high: float, of: Callable[[SetStep], Estimate]) -> Iterator[Item]:
    every = curve.set_ascending
    first = max((step for step in every if step.value <= low), key=lambda step: step.value, default=every[0])
    steps = [(low, of(first)), *((step.value, of(step)) for step in every if low < step.value <= high)]
    steps.append((high, steps[-1][1]))
    yield Band(tuple((at, found.low, found.high) for at, found in steps), step=True)
    yield Line(tuple((at, found.value) for at, found in steps if found.value is not None), step=True)
