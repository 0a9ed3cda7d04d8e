"""The tolerance map as a picture: each solution at its critical tolerance, the safe window, the configured value."""

from __future__ import annotations

import math
import zlib

from evalkit.audit.tolerances import EXACT, Mark, Row, ToleranceMap, window_words
from evalkit.display.figure import Axis, Box, Figure, Item, Point, Rule
from evalkit.display.svg import svg_file

SIZE = (620, 80)
"""Of the map of one tolerance, in pixels."""


def as_svg(map_: ToleranceMap, title: str) -> str:
    """The picture; the same map gives the same bytes."""
    return svg_file([row_figure(row) for row in map_.rows], SIZE, title)


def row_figure(row: Row) -> Figure:
    """The map of one tolerance: right solutions above, wrong ones below."""
    logarithmic = not row.falling and row.configured > 0
    least = EXACT if logarithmic else -math.inf
    values = [max(mark.critical, least) for mark in row.marks] + [row.configured, row.promised or row.configured]
    left, right = (min(values) / 4, max(values) * 4) if logarithmic else _around(values)
    always = f"; {len(row.always)} wrong ones pass at every value" if row.always else ""
    title = f"{row.knob}: safe {window_words(row)}{always}"
    items: list[Item] = []
    if row.window:
        items.append(Box((max(row.window[0], left), min(row.window[1], right)), None, "zone"))
    items += [_point(mark, least) for mark in row.marks]
    items.append(Rule(row.configured, "configured", "configured"))
    if row.promised is not None:
        items.append(Rule(row.promised, "promised", "promised", below=True))
    heights = Axis(-0.6, 1.6, names=((0.0, "wrong"), (1.0, "right")))
    words = f"{'largest' if row.falling else 'smallest'} value at which a solution passes"
    values_axis = Axis(left, right, words, logarithmic=logarithmic)
    return Figure(title, values_axis, heights, tuple(items), "strip", title)


def _around(values: list[float]) -> tuple[float, float]:
    """Both ends of an even axis with a margin."""
    low, high = min(values), max(values)
    margin = (high - low) / 8 or abs(low) / 2 or 1.0
    return low - margin, high + margin


def _point(mark: Mark, least: float) -> Point:
    """At a height that its name gives it: marks that coincide stay countable."""
    height = (1.0 if mark.right else 0.0) + ((hash_of(mark.id) % 41) - 20) / 80
    kind = "inside faint" if mark.right else "wrong faint"
    return Point(max(mark.critical, least), height, kind, title=mark.id)


def hash_of(text: str) -> int:
    """The same in every process, unlike `hash`."""
    return zlib.crc32(text.encode())
