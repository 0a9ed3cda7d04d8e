"""landscape.svg: a curve with its band for one nested knob, heat maps for two and more, dots where there is none."""

from __future__ import annotations

from dataclasses import replace

from evalkit.display.figure import Figure
from evalkit.display.svg import svg_file
from evalkit.landscape.figures import curve_figure, map_figure, rows_figure, signal_figure
from evalkit.landscape.grids import slices
from evalkit.landscape.landscape import FacetResult, Landscape
from evalkit.landscape.round_numbers import number
from evalkit.util.text import short_names

MOST_PLOTS = 24
MAP_SIZE = (72, 54)
"""Tiles across and up; small, because a page holds many."""
KEY = "dots: swept cells, thick bars: their intervals, thin: all cells at once; green: target and recommended values"
MAP_KEY = (
    "numbers: percent passed in the swept cells; darker: higher, grey: unknown; green: target and recommended values"
)


def as_svg(landscape: Landscape) -> str:
    """The picture. The same landscape gives the same bytes."""
    plots = figures(landscape)
    maps = any(figure.kind == "map" for figure in plots)
    size = (600, 280) if len(plots) == 1 else (320, 230)
    rows = max((len(figure.y.names or ()) for figure in plots), default=0)
    size = (size[0], max(size[1], 22 * rows))
    return svg_file(plots, size, _title(landscape), MAP_KEY if maps else KEY)


def figures(landscape: Landscape) -> list[Figure]:
    """What the picture shows, in its order."""
    if all(not result.facet.axes for result in landscape.facets):
        return [rows_figure(landscape, [spot for result in landscape.facets for spot in result.spots])]
    plots = [figure for result in landscape.facets for figure in _facet(landscape, result)]
    return plots[:MOST_PLOTS]


def _facet(landscape: Landscape, result: FacetResult) -> list[Figure]:
    name = ", ".join(f"{knob}={value}" for knob, value in result.facet.fixed.items())
    if not result.facet.axes or result.nest is None or not result.curves:
        return [replace(rows_figure(landscape, result.spots), title=name)]
    if len(result.facet.axes) == 1:
        both = curve_figure(landscape, result, result.curves[0]), signal_figure(result, result.curves[0])
        return [replace(figure, title=name) for figure in both if figure]
    across, up = (axis.knob for axis in result.facet.axes[:2])
    plots = []
    for part in slices(result, across, up, MAP_SIZE):
        names = short_names(list(part.at))
        fixed = ", ".join(f"{name}={number(value)}" for name, value in zip(names, part.at.values(), strict=True))
        title = ", ".join(filter(None, (name, fixed)))
        plots.append(replace(map_figure(landscape, result, part), title=title))
    return plots


def _title(landscape: Landscape) -> str:
    simulated = any(result.simulated for result in landscape.facets)
    return (
        f"{landscape.title}{' (simulated: measures no LLM)' if simulated else ''}\npass rate, target {landscape.band}"
    )
