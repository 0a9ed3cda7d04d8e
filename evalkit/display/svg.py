"""Draws figures as SVG: for a page, where they are as wide as there is room, and for a file of its own.

Everything stands at a percentage of its axis, so one drawing serves every width without a script; strokes and text
keep their size. The same figure gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib import resources
from itertools import pairwise

from evalkit.display.figure import Axis, Band, Box, Field, Figure, Item, Line, Point, Rule, Segment
from evalkit.util.text import plain

MANY, FEW = 10, 4
"""Ticks along the x axis of a wide and of a narrow figure; the style sheet shows the one or the other."""
UPWARDS = 6
UNIT = 1000
"""Paths are drawn on a square of this side and stretched."""
_SHADES = ((247, 251, 255), (198, 219, 239), (107, 174, 214), (33, 113, 181), (8, 48, 107))


def svg(figure: Figure) -> str:
    """The drawing as an element of a page; the style sheet gives it its size."""
    axes = " ".join(f"{_scale(name, axis)}" for name, axis in (("x", figure.x), ("y", figure.y)))
    name = escape(plain(figure.label))
    role = "group" if any(isinstance(item, Point) and item.id for item in figure.items) else "img"
    return f'<svg class="figure {figure.kind}" role="{role}" aria-label="{name}" {axes}>{_content(figure, FEW)}</svg>'


def svg_file(figures: Sequence[Figure], size: tuple[int, int], title: str = "", key: str = "") -> str:
    """A file with one figure, or with several side by side, each `size` pixels of plot without its margins."""
    columns = 4 if len(figures) > 4 else min(2, len(figures))
    if any(figure.kind == "strip" for figure in figures):
        columns = 1
    left = max((_left(figure) for figure in figures), default=0)
    above = 50 if any(figure.title for figure in figures) else 30
    wide, high = left + size[0] + 30, size[1] + above + 50
    rows = math.ceil(len(figures) / columns)
    heading = title.splitlines()
    top = 20 * len(heading) + 8
    width = max([wide * columns, *(20 + 13 * len(line) // 2 for line in (*heading, key))])
    height = top + high * rows + (24 if key else 0)
    first = left + (width - wide * columns) // 2
    parts = [
        f'<text class="strong" x="50%" y="{20 * (n + 1)}" text-anchor="middle">{_text(line)}</text>'
        for n, line in enumerate(heading)
    ]
    for place, figure in enumerate(figures):
        x, y = first + wide * (place % columns), top + above + high * (place // columns)
        head = f'<text class="strong" x="{x}" y="{y - 32}">{_text(figure.title)}</text>' if figure.title else ""
        name = escape(plain(figure.label))
        parts.append(
            f'{head}<svg x="{x}" y="{y}" width="{size[0]}" height="{size[1]}" overflow="visible" role="img" '
            f'aria-label="{name}">{_content(figure)}</svg>'
        )
    if key:
        parts.append(f'<text x="50%" y="{height - 10}" text-anchor="middle">{_text(key)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="file" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><style>{asset("figure.css").partition("/* in a page")[0]}</style>'
        f'<rect class="paper" width="100%" height="100%"/>{"".join(parts)}</svg>\n'
    )


@cache
def asset(name: str) -> str:
    """A style sheet or a script that stands with the figures of a page."""
    return resources.files("evalkit.display").joinpath("assets", name).read_text(encoding="utf-8")


def _content(figure: Figure, few: int = 0) -> str:
    body = "".join(part for item in figure.items for part in _item(item, figure.x, figure.y))
    return "".join([*_x_axis(figure.x, few), *_y_axis(figure.y), body])


def _item(item: Item, x: Axis, y: Axis) -> Iterator[str]:
    match item:
        case Line():
            yield _stretched(item.kind, _through(_steps(item.points) if item.step else item.points, x, y))
        case Band():
            low = [(at, below) for at, below, _ in item.points]
            high = [(at, above) for at, _, above in item.points]
            ends = (_steps(low), _steps(high)) if item.step else (low, high)
            yield _stretched(item.kind, f"{_through([*ends[1], *reversed(ends[0])], x, y)}Z")
        case Point():
            yield _point(item, x, y)
        case Box():
            yield _box(item, x, y)
        case Segment():
            (x1, y1), (x2, y2) = ((_across(x, a), _up(y, b)) for a, b in (item.start, item.end))
            yield f'<line class="{item.kind}" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>'
        case Rule():
            yield _rule(item, x)
        case Field():
            yield from _field(item, x, y)


def _stretched(kind: str, path: str, more: str = "") -> str:
    whole = f'viewBox="0 0 {UNIT} {UNIT}" width="100%" height="100%" preserveAspectRatio="none" overflow="visible"'
    return f'<svg {whole}><path class="{kind}"{more} d="{path}"/></svg>'


def _through(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> str:
    places = [(_short(UNIT * x.share(a)), _short(UNIT * (1 - y.share(b)))) for a, b in points]
    path = f"M{places[0][0]} {places[0][1]}"
    for (before, height), (at, to) in pairwise(places):
        if at == before:
            path += f"V{to}" if to != height else ""
        else:
            path += f"H{at}" if to == height else f"L{at} {to}"
    return path


def _steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The corners of stairs: every height holds up to the next point."""
    ends = [*(at for at, _ in points[1:]), points[-1][0]]
    return [corner for (at, height), end in zip(points, ends, strict=True) for corner in ((at, height), (end, height))]


def _point(item: Point, x: Axis, y: Axis) -> str:
    where = f'x="{_across(x, item.x)}" y="{_up(y, item.y)}"'
    title = f"<title>{_text(item.title)}</title>" if item.title else ""
    mark = '<circle r="5"/>'
    if item.text:
        half = max(12, 4 + 4 * len(item.text))
        mark = (
            f'<rect x="{-half}" y="-11" width="{2 * half}" height="22" rx="11"/>'
            f'<text text-anchor="middle" dy="4">{_text(item.text)}</text>'
        )
    button = f' data-id="{escape(item.id)}" tabindex="0" role="button" aria-pressed="false"' if item.id else ""
    name = f' aria-label="{escape(plain(item.title))}"' if item.id else ""
    return f'<svg {where} overflow="visible"><g class="{item.kind}"{button}{name}>{title}{mark}</g></svg>'


def _box(item: Box, x: Axis, y: Axis) -> str:
    left, right = (x.share(end) for end in item.x) if item.x else (0.0, 1.0)
    bottom, top = (y.share(end) for end in item.y) if item.y else (0.0, 1.0)
    title = f"<title>{_text(item.title)}</title>" if item.title else ""
    size = f'width="{_percent(right - left)}" height="{_percent(top - bottom)}"'
    return f'<rect class="{item.kind}" x="{_percent(left)}" y="{_percent(1 - top)}" {size}>{title}</rect>'


def _rule(item: Rule, x: Axis) -> str:
    at, right = _across(x, item.x), x.share(item.x) > 0.6
    line = f'<line class="{item.kind}" x1="{at}" x2="{at}" y1="-6" y2="100%"/>'
    place = f'x="{at}" y="{"100%" if item.below else "0"}" dx="{-6 if right else 6}" dy="-4"'
    anchor = "end" if right else "start"
    name = f'<text class="{item.kind}-text" {place} text-anchor="{anchor}">{_text(item.text)}</text>'
    return line + (name if item.text else "")


def _field(item: Field, x: Axis, y: Axis) -> Iterator[str]:
    """Tiles of one share are one path, and neighbours in a row one rectangle of it."""
    across = [_short(UNIT * x.share(edge)) for edge in item.x]
    up = [_short(UNIT * (1 - y.share(edge))) for edge in item.y]
    paths: dict[float | None, list[str]] = {}
    columns = len(item.shares)
    for row in range(len(up) - 1):
        start = 0
        for column in range(1, columns + 1):
            here = item.shares[start][row]
            if column == columns or item.shares[column][row] != here:
                tile = f"M{across[start]} {up[row]}H{across[column]}V{up[row + 1]}H{across[start]}Z"
                paths.setdefault(here, []).append(tile)
                start = column
    for share in sorted(paths, key=lambda share: -1.0 if share is None else share):
        colour = "" if share is None else f' fill="rgb({",".join(map(str, shade(share)))})"'
        yield _stretched("unknown" if share is None else "tile", "".join(paths[share]), colour)
    if border := _border(item, across, up):
        yield _stretched("border", border)


def _border(item: Field, across: Sequence[str], up: Sequence[str]) -> str:
    """Along all edges between a tile inside the band and one outside."""
    if item.band is None:
        return ""
    low, high = item.band
    inside = [[share is not None and low <= share <= high for share in column] for column in item.shares]
    path = []
    for i, column in enumerate(inside):
        for j, here in enumerate(column):
            if i + 1 < len(inside) and inside[i + 1][j] != here:
                path.append(f"M{across[i + 1]} {up[j]}V{up[j + 1]}")
            if j + 1 < len(column) and column[j + 1] != here:
                path.append(f"M{across[i]} {up[j + 1]}H{across[i + 1]}")
    return "".join(path)


def shade(share: float) -> tuple[int, int, int]:
    """The colour of a share between 0 and 1: from nearly white to dark blue."""
    place = min(1.0, max(0.0, share)) * (len(_SHADES) - 1)
    left = min(int(place), len(_SHADES) - 2)
    low, high = _SHADES[left], _SHADES[left + 1]
    red, green, blue = (round(a + (place - left) * (b - a)) for a, b in zip(low, high, strict=True))
    return red, green, blue


def _x_axis(axis: Axis, few: int) -> Iterator[str]:
    yield '<line class="axis" x1="0" x2="100%" y1="100%" y2="100%"/>'
    for most, kind in ((MANY, "many"), (few, "few")) if few else ((FEW + 2, "many"),):
        ticks = []
        for value, text in axis.ticks(most):
            share, at = axis.share(value), _across(axis, value)
            anchor = "end" if axis.end == text and share == 1 else "middle"
            ticks.append(
                f'<svg x="{at}" y="100%" overflow="visible"><line class="axis" y2="5"/>'
                f'<text class="tick" y="18" text-anchor="{anchor}">{_text(text)}</text></svg>'
            )
        yield f'<g class="{kind}">{"".join(ticks)}</g>'
    if axis.label:
        yield f'<text class="strong" x="50%" y="100%" dy="36" text-anchor="middle">{_text(axis.label)}</text>'


def _y_axis(axis: Axis) -> Iterator[str]:
    for value, text in axis.ticks(UPWARDS):
        at = _up(axis, value)
        if axis.percent:
            yield f'<line class="axis" x1="0" x2="100%" y1="{at}" y2="{at}"/>'
        yield f'<text class="tick-up" x="0" y="{at}" dx="-6" dy="4" text-anchor="end">{_text(text)}</text>'
    if axis.label:
        yield f'<text class="strong up" x="0" y="0" dy="-15">{_text(axis.label)}</text>'


def _left(figure: Figure) -> int:
    """Room for the texts of the y axis, in pixels."""
    return 20 + 7 * max((len(text) for _, text in figure.y.ticks(UPWARDS)), default=0)


def _scale(name: str, axis: Axis) -> str:
    """What a script needs to know to find a value on the drawing."""
    return f'data-{name}="{axis.low:.9g} {axis.high:.9g}{" log" if axis.logarithmic else ""}"'


def _across(axis: Axis, value: float) -> str:
    return _percent(axis.share(value))


def _up(axis: Axis, value: float) -> str:
    return _percent(1 - axis.share(value))


def _percent(share: float) -> str:
    return f"{_short(100 * share)}%"


def _short(value: float) -> str:
    """Two digits are a hundredth of a pixel in a thousand; and the same on every machine."""
    return f"{round(value, 2) + 0:g}" if abs(value) < 1e4 else f"{value:.0f}"


def _text(text: str) -> str:
    return escape(plain(text, one_line=True))
