"""The tolerance map as a picture: each solution at its critical tolerance, the safe window, the configured value."""

from __future__ import annotations

import io
import math
import zlib
from typing import TYPE_CHECKING, Any

from evalkit.audit.tolerances import EXACT, Row, ToleranceMap, window_words

if TYPE_CHECKING:  # Matplotlib is loaded where it draws
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREEN, RED, GREY, SHADE = "#1a7f37", "#cf222e", "#57606a", "#dafbe1"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": GREY,
    "figure.dpi": 130,
    "savefig.dpi": 130,
    "svg.hashsalt": "evalkit",
}


def as_png(map_: ToleranceMap, title: str) -> bytes:
    """The picture; the same map gives the same bytes (with the same matplotlib)."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE, "backend": "agg"}):
        as_figure(map_, title).savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def as_figure(map_: ToleranceMap, title: str) -> Figure:
    """The same before it is pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 1.5 * len(map_.rows) + 1.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(map_.rows), 1, squeeze=False)
    for (place,), row in zip(axes, map_.rows, strict=True):
        _draw(place, row)
    axes[-1][0].set_xlabel("smallest value at which a solution passes")
    figure.suptitle(title, fontsize=11)
    return figure


def _draw(axes: Axes, row: Row) -> None:
    values = [max(mark.critical, EXACT) for mark in row.marks] + [row.configured, row.promised or row.configured]
    left, right = min(values) / 4, max(values) * 4
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(-0.6, 1.6)
    axes.set_yticks([0, 1], ["wrong", "right"])
    axes.tick_params(axis="y", length=0)
    if row.window:
        axes.axvspan(max(row.window[0], left), right if row.window[1] == math.inf else row.window[1], color=SHADE, lw=0)
    for mark in row.marks:
        # A fixed scatter of heights: marks that coincide stay countable.
        height = (1.0 if mark.right else 0.0) + ((hash_of(mark.id) % 41) - 20) / 80
        axes.plot(max(mark.critical, EXACT), height, "o", ms=4, mew=0, alpha=0.7, color=GREEN if mark.right else RED)
    axes.axvline(row.configured, color="black", lw=1.2)
    axes.annotate("configured", (row.configured, 1.45), xytext=(3, 0), textcoords="offset points", fontsize=7)
    if row.promised is not None:
        axes.axvline(row.promised, color=GREY, lw=1, ls=":")
        axes.annotate("promised", (row.promised, -0.55), xytext=(3, 0), textcoords="offset points", fontsize=7)
    always = f"; {len(row.always)} wrong ones pass at every value" if row.always else ""
    axes.set_title(f"{row.knob}: safe {window_words(row)}{always}", loc="left", fontsize=9)


def hash_of(text: str) -> int:
    """The same in every process, unlike `hash`."""
    return zlib.crc32(text.encode())
