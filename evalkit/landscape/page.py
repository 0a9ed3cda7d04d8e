"""landscape.html: one self-contained page, interactive, that needs no network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from evalkit.display.figure import QUARTERS
from evalkit.display.html import escaped, page
from evalkit.display.rates import level
from evalkit.display.svg import asset, shade, svg
from evalkit.landscape.curves import Curve
from evalkit.landscape.figures import curve_figure, map_figure, recommended, said, said_of_spot, signal_figure
from evalkit.landscape.files import facts, json_number
from evalkit.landscape.grids import Slice, slices
from evalkit.landscape.landscape import FacetResult, Landscape
from evalkit.landscape.picture import MAP_SIZE, MOST_PLOTS
from evalkit.landscape.set_figures import said_of_step, tiles_said
from evalkit.util.text import counted


def as_html(landscape: Landscape) -> str:
    """The page. Everything that others wrote is in it as data, never as markup."""
    words = Words()
    known = facts(landscape)
    drawings = []
    for index, (result, panel) in enumerate(zip(landscape.facets, known["panels"], strict=True)):
        swept = {axis.knob for axis in result.facet.axes}
        for place, (curve, shown) in enumerate(zip(result.curves, panel["curves"], strict=True)):
            shown |= _curve(result, curve, landscape, words)
            shown.pop("set", None)  # its sentences say the same
            if curve.knob in swept and result.nest is not None:
                drawings.append((f"curve-{index}-{place}", curve_figure(landscape, result, curve)))
                if signal := signal_figure(result, curve):
                    drawings.append((f"signal-{index}-{place}", signal))
        parts = _slices(result)
        panel["maps"] = [_map(part, landscape, words) for part in parts]
        drawings += [(f"map-{index}-{n}", map_figure(landscape, result, part)) for n, part in enumerate(parts)]
        for spot, cell in zip(result.spots, panel["cells"], strict=True):
            cell["said"] = words(said_of_spot(spot, landscape))
    data = {**known, "said": words.sentences, "shades": [shade(share) for share in QUARTERS]}
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    templates = "".join(f'<template id="{name}">{svg(figure)}</template>' for name, figure in drawings)
    cells = sum(len(result.spots) for result in landscape.facets)
    title = f"{landscape.title}: landscape"
    saved = (
        f"{counted(cells, 'cell')} from {landscape.tokens_sampled:,} output tokens; sampled separately they would "
        f"have cost {landscape.tokens_afresh:,}. "
        f"Target {landscape.band}, intervals at {level(landscape.confidence)}."
    )
    body = (
        f'<a class="skip" href="#landscape">Skip to the landscape</a><h1>{escaped(title)}</h1>'
        f'<p id="subtitle">{escaped(saved)}</p><main id="landscape" tabindex="-1"></main>'
        "<noscript><p>This page draws with JavaScript; landscape.csv and landscape.svg say the same.</p></noscript>"
        f'{templates}<script type="application/json" id="facts">{text}</script>'
    )
    script = asset("dom.js") + asset("figure.js") + _asset("landscape.js")
    return page(title, body, style=_asset("landscape.css"), script=script)


class Words:
    """What a page says: every sentence once, and its number wherever it is said."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def sentences(self) -> list[str]:
        """By their numbers."""
        return list(self._numbers)

    def __call__(self, sentence: str) -> int:
        """The number of the sentence."""
        return self._numbers.setdefault(sentence, len(self._numbers))


def _curve(result: FacetResult, curve: Curve, landscape: Landscape, words: Words) -> dict[str, Any]:
    """Instead of the counts of every step, the number of its sentence; and where a slider starts."""
    found = recommended(result, curve)
    if curve.set and result.nest is not None:
        group = result.nest.terms.group
        said_at = [(step.value, said_of_step(step, group)) for step in curve.set_ascending]
    else:
        said_at = [(step.value, said(step.passed, step.graded, step.unknown, landscape)) for step in curve.ascending]
    return {
        "steps": [json_number(value) for value, _ in said_at],
        "said": [words(sentence) for _, sentence in said_at],
        "start": json_number(found.value) if found else None,
    }


def _slices(result: FacetResult) -> list[Slice]:
    """Heat maps of the first two nested knobs; none where fewer were swept."""
    if len(result.facet.axes) < 2 or result.nest is None:
        return []
    across, up = (axis.knob for axis in result.facet.axes[:2])
    return slices(result, across, up, MAP_SIZE)[:MOST_PLOTS]


def _map(part: Slice, landscape: Landscape, words: Words) -> dict[str, Any]:
    """`said`: the numbers of the sentences, of the first value across first."""
    across, up = (
        {"knob": axis.knob, "values": [json_number(round_off(value)) for value in axis.values]}
        for axis in part.counts.axes
    )
    at = {knob: json_number(value) for knob, value in part.at.items()}
    sentences = tiles_said(part) if part.of_set else _counts_said(part, landscape)
    return {"at": at, "x": across, "y": up, "said": [words(sentence) for sentence in sentences]}


def _counts_said(part: Slice, landscape: Landscape) -> Iterator[str]:
    known: dict[tuple[int, int, int], str] = {}
    grids = (part.counts.passed, part.counts.graded, part.counts.unknown)
    for counts in zip(*(grid.ravel().tolist() for grid in grids), strict=True):
        if counts not in known:
            passed, graded, unknown = counts
            known[counts] = said(passed, graded, unknown, landscape)
        yield known[counts]


def round_off(value: float) -> float:
    """Enough digits for a picture, and the same on every machine."""
    return float(f"{value:.9g}")


@cache
def _asset(name: str) -> str:
    return resources.files("evalkit.landscape").joinpath("assets", name).read_text(encoding="utf-8")
