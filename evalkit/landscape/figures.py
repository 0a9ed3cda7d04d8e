"""Figures of a landscape: the curve along one knob, the heat map over two, and rows of cells where there is neither."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from evalkit.display.figure import Axis, Band, Box, Field, Figure, Item, Line, Point, Rule, Segment
from evalkit.display.rates import range_text
from evalkit.landscape.curves import Curve, Step
from evalkit.landscape.grids import MAP_SHARE, Slice, edges, scale
from evalkit.landscape.landscape import FacetResult, Landscape, Spot
from evalkit.landscape.recommend import Recommendation
from evalkit.landscape.round_numbers import number
from evalkit.landscape.set_figures import rate_items, said_of_set, signal_axis, signal_items
from evalkit.stats.intervals import wilson_range
from evalkit.stats.verdict import Band as Target
from evalkit.util.text import percent, short_names

SHARE = Axis(0, 1, "pass rate", percent=True)


def said(passed: int, runs: int, unknown: int, landscape: Landscape) -> str:
    """Counts as a sentence: the rate, its pointwise interval, and whether it is in the band."""
    if not runs:
        return "no run was graded"
    low, high = passed / runs, (passed + unknown) / runs
    around = range_text(wilson_range(passed, unknown, runs, landscape.confidence))
    mark = " – in the band" if low in landscape.band and high in landscape.band else ""
    if unknown:
        return (
            f"{passed} of {runs} pass and {unknown} are unknown: between {percent(low)} and {percent(high)} "
            f"({around}){mark}"
        )
    return f"{passed} of {runs} pass: {percent(low)} ({around}){mark}"


def said_of_spot(spot: Spot, landscape: Landscape) -> str:
    """A cell as a sentence: of a set, by problem."""
    return said_of_set(spot.set) if spot.set else said(spot.passed, spot.runs, spot.unknown, landscape)


def curve_figure(landscape: Landscape, result: FacetResult, curve: Curve) -> Figure:
    """The whole step function with its pointwise interval, and the swept cells on it with both kinds of interval."""
    swept = next(axis for axis in result.facet.axes if axis.knob == curve.knob)
    shown = scale(swept, result)
    spots = [spot for spot in result.spots if _on(curve, spot)]
    unlimited = any(spot.at[curve.knob] == math.inf for spot in result.spots)
    axis = shown.axis(end="no limit" if unlimited else "")
    items: list[Item] = [_target(landscape.band, upright=True)]
    items += _steps(curve, shown.low, shown.high, landscape.confidence)
    items += _recommendation(recommended(result, curve), shown.high)
    for spot in spots:
        items += _spot(landscape, spot, min(spot.at[curve.knob], shown.high), upright=True)
    return Figure(f"Pass rate by {curve.knob}; the table has the swept values", axis, SHARE, tuple(items))


def signal_figure(result: FacetResult, curve: Curve) -> Figure | None:
    """The training signal along the same knob; None where the task has one problem."""
    if result.nest is None or not curve.set:
        return None
    shown = scale(next(axis for axis in result.facet.axes if axis.knob == curve.knob), result)
    spots = [spot for spot in result.spots if _on(curve, spot)]
    unlimited = any(spot.at[curve.knob] == math.inf for spot in result.spots)
    items = (
        *signal_items(curve, shown.low, shown.high, spots),
        *_recommendation(recommended(result, curve), shown.high),
    )
    label = f"Training signal by {curve.knob}; the table has the swept values"
    return Figure(label, shown.axis(end="no limit" if unlimited else ""), signal_axis(result.nest.terms.group), items)


def recommended(result: FacetResult, curve: Curve) -> Recommendation | None:
    """What is recommended for the curve's knob, the others at its values."""
    return next(
        (
            found
            for found in result.recommendations
            if found.knob == curve.knob
            and found.value is not None
            and found.certain is not None
            and all(curve.at.get(knob) == value for knob, value in found.at.items())
        ),
        None,
    )


def map_figure(landscape: Landscape, result: FacetResult, part: Slice) -> Figure:
    """The exact rate everywhere, the border of the band, and the swept cells with their rates in percent."""
    by_name = {axis.knob: axis for axis in result.facet.axes}
    across, up = (by_name[axis.knob] for axis in part.counts.axes)
    shown = {axis.knob: scale(axis, result, MAP_SHARE) for axis in (across, up)}
    shares = tuple(
        tuple(None if math.isnan(rate) else float(rate) for rate in column) for column in part.rates.tolist()
    )
    ends = [tuple(edges(axis.values, shown[axis.knob].logarithmic)) for axis in part.counts.axes]
    items: list[Item] = [Field(ends[0], ends[1], shares, (landscape.band.low, landscape.band.high))]
    tops = {knob: one.high for knob, one in shown.items()}
    items += [line for found in result.recommendations for line in _certain(found, part, across.knob, up.knob, tops)]
    names = dict(zip(result.facet.axes, short_names([axis.knob for axis in result.facet.axes]), strict=True))
    for spot in result.spots:
        if all(spot.at[knob] == value for knob, value in part.at.items()):
            place = ", ".join(f"{names[axis]} {number(spot.at[axis.knob])}" for axis in (across, up))
            title = f"{place}: {said_of_spot(spot, landscape)}"
            x, y = (min(spot.at[axis.knob], tops[axis.knob]) for axis in (across, up))
            items.append(Point(x, y, "spot in" if spot.in_band else "spot", _whole(spot), title, str(spot.index)))
    label = f"Pass rate by {across.knob} and {up.knob}; the table has the swept values"
    return Figure(label, shown[across.knob].axis(), shown[up.knob].axis(), tuple(items), "map")


def rows_figure(landscape: Landscape, spots: Sequence[Spot]) -> Figure:
    """One row a cell, the first on top: for knobs that need rollouts of their own."""
    items: list[Item] = [_target(landscape.band, upright=False)]
    for row, spot in enumerate(spots):
        items += _spot(landscape, spot, row, upright=False)
    names = tuple((float(row), _name(spot.overrides)) for row, spot in enumerate(spots))
    rows = Axis(len(spots) - 0.5, -0.5, names=names)
    return Figure("Pass rate of every cell", SHARE, rows, tuple(items), "rows")


def _on(curve: Curve, spot: Spot) -> bool:
    return all(curve.at[knob] == value for knob, value in spot.at.items() if knob != curve.knob)


def _target(band: Target, *, upright: bool) -> Box:
    ends = (band.low, band.high)
    return Box(None, ends, "zone") if upright else Box(ends, None, "zone")


def _steps(curve: Curve, low: float, high: float, confidence: float) -> Iterator[Item]:
    if curve.set:
        yield from rate_items(curve, low, high)
        return
    inner = [(step.value, step) for step in curve.ascending if low < step.value <= high]
    steps: list[tuple[float, Step]] = [(low, curve.step(low)), *inner]
    steps.append((high, steps[-1][1]))
    around = [(at, wilson_range(step.passed, step.unknown, step.graded, confidence)) for at, step in steps]
    yield Band(tuple((at, ends.low, ends.high) for at, ends in around), step=True)
    if any(step.unknown for _, step in steps):
        yield Band(tuple((at, step.rate, step.highest) for at, step in steps), "unsure", step=True)
        yield Line(tuple((at, step.highest) for at, step in steps), step=True)
    yield Line(tuple((at, step.rate) for at, step in steps), step=True)


def _spot(landscape: Landscape, spot: Spot, place: float, *, upright: bool) -> Iterator[Item]:
    """A cell with its intervals; where runs are unknown, the range of rates as a bar. Nothing where none was graded."""
    if spot.range is None:
        return
    for kind, ends in (("whisker wide", spot.simultaneous), ("whisker narrow", spot.pointwise)):
        yield _stroke(place, ends.low, ends.high, kind, upright=upright)
    if spot.unknown:
        kind = "range within" if spot.in_band else "range"
        yield _stroke(place, spot.range.low, spot.range.high, kind, upright=upright)
        return
    x, y = (place, spot.range.low) if upright else (spot.range.low, place)
    title = said_of_spot(spot, landscape)
    yield Point(x, y, "inside" if spot.in_band else "mark", title=title)


def _stroke(place: float, low: float, high: float, kind: str, *, upright: bool) -> Segment:
    return Segment((place, low), (place, high), kind) if upright else Segment((low, place), (high, place), kind)


def _recommendation(found: Recommendation | None, high: float) -> Iterator[Item]:
    """The values that are recommended as a bar on the axis, and the one to set with its name."""
    if found is not None and found.certain is not None and found.value is not None:
        yield Segment((found.certain.low, 0), (min(found.certain.high, high), 0), "recommended")
        yield Rule(found.value, f"set {number(found.value)}", "chosen")


def _certain(found: Recommendation, part: Slice, across: str, up: str, tops: Mapping[str, float]) -> Iterator[Segment]:
    """The values that are recommended for one knob of a heat map, at the height where the other one is."""
    if found.certain is None or found.knob not in (across, up):
        return
    if any(found.at.get(knob) != value for knob, value in part.at.items()):
        return
    other = up if found.knob == across else across
    place = min(found.at[other], tops[other])
    ends = (found.certain.low, min(found.certain.high, tops[found.knob]))
    yield _stroke(place, *ends, "certain", upright=found.knob == up)


def _whole(spot: Spot) -> str:
    ends = (spot.range.low, spot.range.high) if spot.range else ()
    return "–".join(dict.fromkeys(f"{100 * end:.0f}" for end in ends)) or "–"


def _name(overrides: Mapping[str, str]) -> str:
    names = short_names(list(overrides))
    text = ", ".join(f"{name}={value}" for name, value in zip(names, overrides.values(), strict=True))
    return text if len(text) <= 40 else text[:39] + "…"
