"""landscape.png: a curve with its band for one nested knob, heat maps for two and more, dots where there is none."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.landscape.curves import Curve
from evalkit.landscape.grids import MAP_SHARE, Scale, Slice, edges, round_ticks, scale, slices
from evalkit.landscape.landscape import FacetResult, Landscape, Spot
from evalkit.landscape.recommend import Recommendation, number
from evalkit.stats.intervals import wilson_range
from evalkit.stats.verdict import Band
from evalkit.util.text import short_names

if TYPE_CHECKING:  # Matplotlib is loaded where it draws
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PLOTS = 24
KEY = "dots: swept cells, thick bars: their intervals, thin: all cells at once; green: target and recommended values"
TICKS = 6
"""At most, along an axis."""
GREEN, BLUE, GREY = "#1a7f37", "#0550ae", "#57606a"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.titlesize": 9,
    "figure.dpi": 130,
    "savefig.dpi": 130,
}

Plot = tuple[str, FacetResult, Slice | None]
"""Title, facet, and for a heat map which slice of it."""


def as_png(landscape: Landscape) -> bytes:
    """The picture. The same landscape gives the same bytes (with the same matplotlib)."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE, "backend": "agg"}):
        as_figure(landscape).savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def as_figure(landscape: Landscape) -> Figure:
    """The same before it is pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plots = _plots(landscape)
    columns = min(len(plots), 4 if len(plots) > 4 else 2 if len(plots) > 1 else 1)
    rows = math.ceil(len(plots) / columns)
    width = 6.4 if len(plots) == 1 else 3.9 * columns
    figure = Figure(figsize=(width, 3.6 * rows + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    flat = [axes for row in grid for axes in row]
    for axes in flat[len(plots) :]:
        axes.set_visible(False)
    for axes, (title, result, part) in zip(flat, plots, strict=False):
        _draw(figure, axes, landscape, result, part)
        axes.set_title(title, pad=14)  # the topmost cells stand out of their map
    if any(len(result.facet.axes) < 2 or result.nest is None for _, result, _ in plots):
        figure.supxlabel(KEY, fontsize=7, color=GREY)
    figure.suptitle(_title(landscape), fontsize=11)
    return figure


def _title(landscape: Landscape) -> str:
    simulated = any(result.simulated for result in landscape.facets)
    return (
        f"{landscape.title}{' (simulated: measures no LLM)' if simulated else ''}\npass rate, target {landscape.band}"
    )


def _plots(landscape: Landscape) -> list[Plot]:
    if all(not result.facet.axes for result in landscape.facets):
        return [("", landscape.facets[0], None)]
    plots: list[Plot] = []
    for result in landscape.facets:
        name = ", ".join(f"{knob}={value}" for knob, value in result.facet.fixed.items())
        if len(result.facet.axes) < 2 or result.nest is None:
            plots.append((name, result, None))
            continue
        across, up = (axis.knob for axis in result.facet.axes[:2])
        for part in slices(result, across, up, (160, 120)):
            names = short_names(list(part.at))
            fixed = ", ".join(f"{name}={number(value)}" for name, value in zip(names, part.at.values(), strict=True))
            plots.append((", ".join(filter(None, (name, fixed))), result, part))
    return plots[:MOST_PLOTS]


def _draw(figure: Figure, axes: Axes, landscape: Landscape, result: FacetResult, part: Slice | None) -> None:
    if part is not None:
        _heat_map(figure, axes, result, part, landscape.band)
    elif len(result.facet.axes) == 1:
        _curve(axes, result, landscape.band, landscape.confidence)
    else:
        spots = [spot for each in landscape.facets for spot in each.spots] if not result.facet.axes else result.spots
        _dots(axes, spots, landscape.band)


def _curve(axes: Axes, result: FacetResult, band: Band, confidence: float) -> None:
    """The whole step function with its pointwise interval, and the swept cells with both kinds."""
    axis = result.facet.axes[0]
    _target(axes, band, horizontal=True)
    places = {spot.index: spot.at[axis.knob] for spot in result.spots}
    if result.nest is not None and result.curves:
        shown = scale(axis, result)
        _steps(axes, result.curves[0], shown, confidence)
        _x_axis(axes, shown, unlimited=math.inf in places.values())
        places = {index: min(place, shown.high) for index, place in places.items()}
    for spot in result.spots:
        if spot.range is not None:
            place = places[spot.index]
            axes.vlines(place, spot.simultaneous.low, spot.simultaneous.high, color=BLUE, linewidth=0.8)
            axes.vlines(place, spot.pointwise.low, spot.pointwise.high, color=BLUE, linewidth=3)
            _mark(axes, spot, place, up=True)
    axes.set_ylim(0, 1)
    _recommendation(axes, result, axis.knob)
    axes.set_ylabel("pass rate")
    axes.set_xlabel(axis.knob)
    axes.yaxis.set_major_formatter(_percent)


def _mark(axes: Axes, spot: Spot, place: float, *, up: bool) -> None:
    """The observed rate as a point; where runs are unknown, the range of rates as a bar."""
    assert spot.range is not None
    colour = GREEN if spot.in_band else BLUE
    if spot.unknown:
        lines = axes.vlines if up else axes.hlines
        lines(place, spot.range.low, spot.range.high, color=colour, linewidth=8, alpha=0.6, zorder=3)
        return
    point = (place, spot.range.low) if up else (spot.range.low, place)
    axes.plot(*point, "o", color=colour, markeredgecolor="white", zorder=3, clip_on=not up)


def _recommendation(axes: Axes, result: FacetResult, knob: str) -> None:
    """The values that are recommended as a bar on the axis, and the one to set with its name."""
    found = next((found for found in result.recommendations if found.knob == knob and found.possible), None)
    if found is None or found.value is None or found.certain is None:
        return
    high = min(found.certain.high, axes.get_xlim()[1])
    axes.hlines(0.0, found.certain.low, high, color=GREEN, linewidth=6, zorder=4, clip_on=True)
    axes.axvline(found.value, color=GREEN, linewidth=1.2, linestyle=(0, (4, 3)))
    right = axes.transAxes.inverted().transform(axes.transData.transform((found.value, 0)))[0] > 0.7
    axes.annotate(
        f"set {number(found.value)}",
        (found.value, 0.97),
        (-4 if right else 4, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
        color=GREEN,
    )


def _percent(value: float, position: float) -> str:
    return f"{100 * value:.0f}%"


def _steps(axes: Axes, curve: Curve, shown: Scale, confidence: float) -> None:
    steps = [curve.step(shown.low), *(s for s in curve.steps if shown.low < s.value <= shown.high)]
    x = [shown.low, *(step.value for step in steps[1:]), shown.high]
    rates = [step.rate for step in steps]
    ends = [wilson_range(step.passed, step.unknown, step.graded, confidence) for step in steps]
    low, high = [end.low for end in ends], [end.high for end in ends]
    axes.fill_between(x, [*low, low[-1]], [*high, high[-1]], step="post", color=BLUE, alpha=0.15, linewidth=0)
    axes.step(x, [*rates, rates[-1]], where="post", color=BLUE, linewidth=1.6)
    if any(step.unknown for step in steps):
        highest = [step.highest for step in steps]
        axes.step(x, [*highest, highest[-1]], where="post", color=BLUE, linewidth=1.6)
        unsure: dict[str, Any] = {
            "step": "post",
            "facecolor": "none",
            "edgecolor": "#9db9dd",
            "hatch": "///",
            "linewidth": 0.0,
        }
        axes.fill_between(x, [*rates, rates[-1]], [*highest, highest[-1]], **unsure)


def _heat_map(figure: Figure, axes: Axes, result: FacetResult, part: Slice, band: Band) -> None:
    """The exact rate everywhere, the borders of the band, and the swept cells with their rates."""
    nest = result.nest
    assert nest is not None
    across, up = part.counts.axes
    by_name = {axis.knob: axis for axis in result.facet.axes}
    shown = [scale(by_name[axis.knob], result, MAP_SHARE) for axis in (across, up)]
    rates = part.rates.T
    borders = [edges(axis.values, one.logarithmic) for axis, one in zip((across, up), shown, strict=True)]
    axes.set_facecolor("#c8ccd1")  # shows where the rate is not known as one number
    mesh = axes.pcolormesh(*borders, rates, cmap="Blues", vmin=0, vmax=1, rasterized=True)
    inside = (rates >= band.low) & (rates <= band.high)
    if inside.any() and not inside.all() and min(rates.shape) > 1:
        axes.contour(across.values, up.values, inside.astype(float), levels=[0.5], colors=GREEN, linewidths=1.8)
    for spot in result.spots:
        if spot.range is not None and all(spot.at[knob] == value for knob, value in part.at.items()):
            x, y = (min(spot.at[one.knob], one.high) for one in shown)
            dark = not spot.unknown and spot.range.low > 0.6
            colour = GREEN if spot.in_band else "white" if dark else "#1b1f24"
            axes.plot(
                x,
                y,
                "o",
                markersize=15,
                color="white" if spot.in_band else "none",
                markeredgecolor=colour,
                clip_on=False,
            )
            ends = dict.fromkeys(f"{100 * end:.0f}" for end in (spot.range.low, spot.range.high))
            axes.annotate("–".join(ends), (x, y), ha="center", va="center", fontsize=7.5, color=colour)
    for found in result.recommendations:
        _recommended_line(axes, found, part, *shown)
    _x_axis(axes, shown[0])
    axes.set_yscale("log" if shown[1].logarithmic else "linear")
    axes.set_ylim(borders[1][0], borders[1][-1])
    _ticks(axes.yaxis, shown[1], TICKS)
    axes.set_xlim(borders[0][0], borders[0][-1])
    axes.set_xlabel(across.knob)
    axes.set_ylabel(up.knob)
    bar = figure.colorbar(mesh, ax=axes, format=_percent)
    for edge in (band.low, band.high):
        bar.ax.axhline(edge, color=GREEN, linewidth=2)


def _recommended_line(axes: Axes, found: Recommendation, part: Slice, across: Scale, up: Scale) -> None:
    """On a heat map, the values that are recommended for one knob, where the others are."""
    at = {**found.at, **part.at}
    if found.certain is None or found.knob not in (across.knob, up.knob) or at != dict(found.at):
        return
    along, other = (across, up) if found.knob == across.knob else (up, across)
    ends, place = [found.certain.low, min(found.certain.high, along.high)], min(at[other.knob], other.high)
    x, y = (ends, [place] * 2) if along is across else ([place] * 2, ends)
    axes.plot(x, y, color=GREEN, linewidth=4, alpha=0.6, solid_capstyle="butt", zorder=1.5)


def _x_axis(axes: Axes, shown: Scale, *, unlimited: bool = False) -> None:
    axes.set_xscale("log" if shown.logarithmic else "linear")
    beyond = (shown.high / shown.low) ** 0.02 * shown.high if shown.logarithmic else 0.02 * (shown.high - shown.low)
    axes.set_xlim(shown.low, beyond if shown.logarithmic else shown.high + beyond)
    _ticks(axes.xaxis, shown, TICKS, unlimited=unlimited)


def _ticks(axis: Any, shown: Scale, most: int, *, unlimited: bool = False) -> None:
    places = round_ticks(shown, most)
    names = [number(place) for place in places]
    if unlimited:  # stands at the end; what is too near to it gives way
        inner = [place for place in places if place <= shown.low + 0.88 * (shown.high - shown.low)]
        places, names = [*inner, shown.high], [*map(number, inner), "no limit"]
    axis.set_ticks(places, names)
    axis.set_ticks([], minor=True)


def _dots(axes: Axes, spots: Sequence[Spot], band: Band) -> None:
    """One row a cell: for knobs that need rollouts of their own."""
    _target(axes, band, horizontal=False)
    for row, spot in enumerate(spots):
        if spot.range is not None:
            axes.hlines(row, spot.simultaneous.low, spot.simultaneous.high, color=BLUE, linewidth=0.8)
            axes.hlines(row, spot.pointwise.low, spot.pointwise.high, color=BLUE, linewidth=3)
            _mark(axes, spot, row, up=False)
    axes.set_yticks(range(len(spots)), [_name(spot.overrides) for spot in spots])
    axes.set_ylim(len(spots) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("pass rate")
    axes.xaxis.set_major_formatter(_percent)


def _name(overrides: Mapping[str, Any]) -> str:
    names = short_names(list(overrides))
    text = ", ".join(f"{name}={value}" for name, value in zip(names, overrides.values(), strict=True))
    return text if len(text) <= 40 else text[:39] + "…"


def _target(axes: Axes, band: Band, *, horizontal: bool) -> None:
    span = axes.axhspan if horizontal else axes.axvspan
    span(band.low, band.high, color=GREEN, alpha=0.12, linewidth=0)
