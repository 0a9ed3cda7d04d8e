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
    values = [max(mark.critical, EXACT) for mark in row.marks] + [row.configured, row.promised or row.configured]
    left, right = min(values) / 4, max(values) * 4
    always = f"; {len(row.always)} wrong ones pass at every value" if row.always else ""
    title = f"{row.knob}: safe {window_words(row)}{always}"
    items: list[Item] = []
    if row.window:
        items.append(Box((max(row.window[0], left), min(row.window[1], right)), None, "zone"))
    items += [_point(mark) for mark in row.marks]
    items.append(Rule(row.configured, "configured", "configured"))
    if row.promised is not None:
        items.append(Rule(row.promised, "promised", "promised", below=True))
    heights = Axis(-0.6, 1.6, names=((0.0, "wrong"), (1.0, "right")))
    values_axis = Axis(left, right, "smallest value at which a solution passes", logarithmic=True)
    return Figure(title, values_axis, heights, tuple(items), "strip", title)


def _point(mark: Mark) -> Point:
    """At a height that its name gives it: marks that coincide stay countable."""
    height = (1.0 if mark.right else 0.0) + ((hash_of(mark.id) % 41) - 20) / 80
    value = math.inf if mark.critical == math.inf else max(mark.critical, EXACT)
    return Point(value, height, "inside faint" if mark.right else "wrong faint", title=mark.id)


def hash_of(text: str) -> int:
    """The same in every process, unlike `hash`."""
    return zlib.crc32(text.encode())
