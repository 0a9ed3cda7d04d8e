"""landscape.csv and landscape.json: the same inputs give the same bytes."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import Any

from evalkit.landscape.curves import Curve
from evalkit.landscape.landscape import FacetResult, Landscape, Spot
from evalkit.landscape.recommend import Recommendation
from evalkit.landscape.set_curves import SetPoint, SetStep
from evalkit.landscape.survey import sentences
from evalkit.results.set_summary import Estimate
from evalkit.stats.intervals import Interval

VERSION = "1.0"
"""Of landscape.json. Schema: `evalkit/results/schemas/landscape.schema.json`."""


def as_csv(landscape: Landscape) -> str:
    """A line a cell, in the order of the sweep; a column a swept knob and a failure category."""
    knobs = [knob.name for knob in landscape.knobs]
    spots = sorted((spot for result in landscape.facets for spot in result.spots), key=lambda spot: spot.index)
    failures = sorted({label for spot in spots for label in spot.failures})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    of_set = any(spot.set for spot in spots)
    writer.writerow(
        [
            "cell",
            "folder",
            *knobs,
            *_COLUMNS,
            *(_SET_COLUMNS if of_set else ()),
            *(f"failed: {label}" for label in failures),
        ]
    )
    for spot in spots:
        row: list[Any] = [spot.index, spot.folder, *(spot.overrides.get(knob, "") for knob in knobs)]
        row += [
            "" if spot.rate is None else f"{spot.rate:.6f}",
            *("" if spot.range is None else f"{end:.6f}" for end in _ends(spot)),
            spot.passed,
            spot.unknown,
            spot.runs,
            spot.errors,
            *(f"{end:.6f}" for kind in (spot.pointwise, spot.simultaneous) for end in (kind.low, kind.high)),
            str(spot.in_band).lower(),
            spot.verdict,
            spot.output_tokens,
            "" if spot.cost_usd is None else f"{spot.cost_usd:.6f}",
        ]
        row += _set_row(spot.set) if of_set else []
        writer.writerow([*row, *(spot.failures.get(label, 0) for label in failures)])
    return text.getvalue()


def _set_row(point: SetPoint | None) -> list[Any]:
    if point is None:
        return [""] * len(_SET_COLUMNS)
    signal = point.signal
    value = "" if signal.value is None else f"{signal.value:.6f}"
    return [point.problems, point.in_band, value, f"{signal.low:.6f}", f"{signal.high:.6f}"]


def _ends(spot: Spot) -> tuple[float, float]:
    return (spot.range.low, spot.range.high) if spot.range else (0.0, 1.0)


_COLUMNS = (
    "pass_rate",
    "pass_rate_low",
    "pass_rate_high",
    "passed",
    "unknown",
    "runs",
    "errors",
    "pointwise_low",
    "pointwise_high",
    "simultaneous_low",
    "simultaneous_high",
    "in_band",
    "verdict",
    "output_tokens",
    "cost_usd",
)
_SET_COLUMNS = ("problems", "problems_in_band", "signal", "signal_low", "signal_high")


def facts(landscape: Landscape) -> dict[str, Any]:
    """As `landscape.json` has it."""
    return {
        "version": VERSION,
        "task": landscape.task,
        "title": landscape.title,
        "band": asdict(landscape.band),
        "confidence": landscape.confidence,
        "knobs": [{"name": knob.name, "kind": knob.kind.value} for knob in landscape.knobs],
        "output_tokens": {"sampled": landscape.tokens_sampled, "cell_by_cell": landscape.tokens_afresh},
        "notes": list(landscape.notes),
        "summary": list(landscape.lines),
        "panels": [_panel(result) for result in landscape.facets],
        "confirmation": landscape.confirmation,
    }


def as_json(landscape: Landscape) -> str:
    """The text of `landscape.json`."""
    return json.dumps(facts(landscape), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@cache
def schema() -> dict[str, Any]:
    """JSON Schema of `landscape.json`."""
    text = resources.files("evalkit.results").joinpath("schemas/landscape.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _panel(result: FacetResult) -> dict[str, Any]:
    facet = result.facet
    return {
        "fixed": dict(facet.fixed),
        "model": result.model,
        "simulated": result.simulated,
        "rollouts": sorted({member.rollouts for member in facet.members}),
        "clipped": facet.top is not None,
        "axes": [{"knob": axis.knob, "values": [json_number(value) for value in axis.values]} for axis in facet.axes],
        "cells": [_spot(spot) for spot in result.spots],
        "nearest_to_band": result.anchor.index,
        "curves": [_curve(curve) for curve in result.curves],
        "recommendations": [_recommendation(found) for found in result.recommendations],
        "sentences": sentences(result),
    }


def _spot(spot: Spot) -> dict[str, Any]:
    return {
        "cell": spot.index,
        "folder": spot.folder,
        "overrides": dict(spot.overrides),
        "at": _numbers(spot.at),
        "rate": spot.rate,
        "range": asdict(spot.range) if spot.range else None,
        "passed": spot.passed,
        "unknown": spot.unknown,
        "runs": spot.runs,
        "errors": spot.errors,
        "not_started": spot.missing,
        "reused": spot.reused,
        "pointwise": asdict(spot.pointwise),
        "simultaneous": asdict(spot.simultaneous),
        "in_band": spot.in_band,
        "verdict": spot.verdict,
        "failures": dict(spot.failures),
        "output_tokens": spot.output_tokens,
        "cost_usd": spot.cost_usd,
        **({"set": _set_point(spot.set)} if spot.set else {}),
    }


def _set_point(point: SetPoint) -> dict[str, Any]:
    return {
        "about": point.about,
        "group": point.group,
        "problems": point.problems,
        "in_band": point.in_band,
        "rate": _estimate(point.rate),
        "signal": _estimate(point.signal),
    }


def _set_step(step: SetStep) -> dict[str, Any]:
    """What holds from this value up to the next step of the curve."""
    return {
        "value": json_number(step.value),
        "problems": step.problems,
        "in_band": step.in_band,
        "rate": _estimate(step.rate),
        "signal": _estimate(step.signal),
    }


def _estimate(found: Estimate) -> dict[str, float | None]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _curve(curve: Curve) -> dict[str, Any]:
    """Steps as `[value, passed, graded, unknown]`: the rate holds from that value up to the next."""
    return {
        "knob": curve.knob,
        "at": _numbers(curve.at),
        "end": json_number(curve.end) if curve.is_limit else None,
        "whole": curve.whole,
        "steps": [[json_number(step.value), step.passed, step.graded, step.unknown] for step in curve.ascending],
        **({"set": [_set_step(step) for step in curve.set_ascending]} if curve.set else {}),
    }


def _recommendation(found: Recommendation) -> dict[str, Any]:
    return {
        "knob": found.knob,
        "at": _numbers(found.at),
        "finding": found.finding.value,
        "low": json_number(found.low),
        "high": json_number(found.high),
        "enters": _interval(found.enters),
        "leaves": _interval(found.leaves),
        "certain": _interval(found.certain),
        "value": json_number(found.value),
        "candidate": json_number(found.candidate),
        "chance": None if found.chance is None else math.floor(found.chance * 10_000) / 10_000,
        "passed": found.passed,
        "runs": found.runs,
        "interval": asdict(found.interval),
        "sentence": found.sentence,
    }


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    """An infinite end is null: beyond what is known."""
    return None if interval is None else {"low": json_number(interval.low), "high": json_number(interval.high)}


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: json_number(value) for name, value in values.items()}


def json_number(value: float | None) -> float | None:
    """JSON has no infinity: null stands for it, and for None. Whole numbers lose their `.0`."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 2**53 else value
