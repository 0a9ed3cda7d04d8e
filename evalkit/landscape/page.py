"""landscape.html: one self-contained page, interactive, that needs no network."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from evalkit.landscape.files import facts, json_number
from evalkit.landscape.grids import MAP_SHARE, SMALLEST_SHARE, Scale, Slice, scale, slices
from evalkit.landscape.landscape import FacetResult, Landscape
from evalkit.report.page import document, escaped
from evalkit.stats.intervals import normal_quantile
from evalkit.util.text import counted

MAP_SIZE = (72, 54)
MOST_MAPS = 24


def as_html(landscape: Landscape) -> str:
    """The page. Everything that others wrote is in it as data, never as markup."""
    data = {
        **facts(landscape),
        "z": normal_quantile(landscape.confidence),
        "maps": [_maps(result) for result in landscape.facets],
        "scales": [_scales(result) for result in landscape.facets],
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    cells = sum(len(result.spots) for result in landscape.facets)
    title = f"{landscape.title}: landscape"
    saved = (
        f"{counted(cells, 'cell')} from {landscape.tokens_sampled:,} output tokens; sampled separately they would "
        f"have cost {landscape.tokens_afresh:,}. "
        f"Target {landscape.band}, intervals at {100 * landscape.confidence:g}%."
    )
    body = (
        f'<a class="skip" href="#landscape">Skip to the landscape</a><h1>{escaped(title)}</h1>'
        f'<p id="subtitle">{escaped(saved)}</p><main id="landscape" tabindex="-1"></main>'
        "<noscript><p>This page draws with JavaScript; landscape.csv and landscape.png say the same.</p></noscript>"
        f'<script type="application/json" id="facts">{text}</script>'
    )
    style, script = _asset("landscape.css"), _asset("landscape.js")
    return document(title, body, scripts=("dom.js",), own_style=style, own_script=script)


def _maps(result: FacetResult) -> list[dict[str, Any]]:
    """Heat maps of the first two nested knobs; none where fewer were swept."""
    if len(result.facet.axes) < 2 or result.nest is None:
        return []
    across, up = (axis.knob for axis in result.facet.axes[:2])
    return [_map(result, part) for part in slices(result, across, up, MAP_SIZE)[:MOST_MAPS]]


def _map(result: FacetResult, part: Slice) -> dict[str, Any]:
    scales = _scales(result, MAP_SHARE)
    across, up = (
        {"knob": axis.knob, **scales[axis.knob], "values": [json_number(round_off(value)) for value in axis.values]}
        for axis in part.counts.axes
    )
    return {
        "at": {knob: json_number(value) for knob, value in part.at.items()},
        "x": across,
        "y": up,
        "passed": part.counts.passed.ravel().tolist(),
        "graded": part.counts.graded.ravel().tolist(),
        "unknown": part.counts.unknown.ravel().tolist(),
    }


def round_off(value: float) -> float:
    """Enough digits for a picture, and the same on every machine."""
    return float(f"{value:.9g}")


def _scales(result: FacetResult, follow: float = SMALLEST_SHARE) -> dict[str, Any]:
    if result.nest is None:
        return {}
    return {axis.knob: _scale(scale(axis, result, follow)) for axis in result.facet.axes}


def _scale(shown: Scale) -> dict[str, Any]:
    return {"low": shown.low, "high": shown.high, "logarithmic": shown.logarithmic, "whole": shown.whole}


@cache
def _asset(name: str) -> str:
    return resources.files("evalkit.landscape").joinpath("assets", name).read_text(encoding="utf-8")
