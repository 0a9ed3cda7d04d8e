"""Figures of a launch's page: the pass rate in its target range, and how many tokens success takes."""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby
from typing import Any

from evalkit.display.figure import Axis, Band, Box, Figure, Item, Line, Point, Rule, Segment, number
from evalkit.display.rates import level
from evalkit.results.reading import CellRecord
from evalkit.results.runs import Outcome
from evalkit.results.summary import Summary
from evalkit.stats.intervals import Interval
from evalkit.stats.simultaneous import curve_margin
from evalkit.util.text import percent


def gauge(summary: Summary) -> Figure:
    """The pass rate, its interval and the target on a line from 0 to 100 %."""
    rate, band = summary.rate, summary.band
    items: list[Item] = [Box((band.low, band.high), None, "zone")]
    label = "No pass rate"
    if rate.range is not None:
        low, high = rate.interval.low, rate.interval.high
        items.append(Segment((low, 0.5), (high, 0.5), "span"))
        ends = (rate.range.low, rate.range.high)
        items.append(Box(ends, (0.25, 0.75), "mark") if rate.unknown else Point(ends[0], 0.5, "mark large"))
        label = f"Pass rate {_span(*ends)}, interval {_span(low, high)}, target {band}"
    return Figure(label, Axis(0, 1, percent=True), Axis(0, 1, names=()), tuple(items), "gauge")


def tokens_curve(cell: CellRecord) -> tuple[Figure, dict[str, Any]] | None:
    """The share of graded runs that passed with at most so many output tokens, and what a page says at each of them.

    None where no run was graded or where nobody knows whether some passed. The words are `end`, the last number of
    tokens about which something is known, and `steps`: `[tokens, words]`, ascending, each true up to the next.
    """
    summary = cell.summary
    graded = summary.rate.runs
    if not graded or summary.rate.unknown:
        return None
    needed = sorted(run.output_tokens for run in cell.runs if run.outcome is Outcome.PASSED)
    limit = cell.limits.max_tokens
    top = 1.04 * max(limit or 0, *(run.output_tokens for run in cell.runs), 1)
    end = min(top, limit or top)
    steps = [(0, bisect_right(needed, 0) / graded)]
    steps += [(at, bisect_right(needed, at) / graded) for at, _ in groupby(needed) if at > 0]
    # the bound is for a number of runs that the results did not choose
    margin = None if summary.stopping else curve_margin(graded, summary.confidence)
    line = (*steps, (end, steps[-1][1]))
    items: list[Item] = [Box(None, (summary.band.low, summary.band.high), "zone")]
    if margin is not None:
        around = [(at, _around(rate, margin)) for at, rate in line]
        items.append(Band(tuple((at, ends.low, ends.high) for at, ends in around), step=True))
    items.append(Line(line, step=True))
    items += [Rule(limit, f"limit {number(limit)}")] if limit else []
    label = "Share of the graded runs that passed with at most so many output tokens"
    axes = Axis(0, top, "output tokens of a run", whole=True), Axis(0, 1, percent=True)
    said = [[at, _said(rate, margin, summary.confidence)] for at, rate in steps]
    return Figure(label, *axes, tuple(items), "short"), {"end": int(end), "steps": said}


def caption(summary: Summary) -> str:
    """What the curve's colours mean."""
    at = level(summary.confidence)
    whole = "" if summary.stopping else f"Blue: where the whole curve lies at {at} confidence. "
    return (
        "Line: share of the graded runs that passed with at most so many output tokens. "
        f"{whole}Green: the target range."
    )


def _around(rate: float, margin: float) -> Interval:
    return Interval(max(0.0, rate - margin), min(1.0, rate + margin))


def _said(rate: float, margin: float | None, confidence: float) -> str:
    if margin is None:
        return f"{percent(rate)} pass"
    ends = _around(rate, margin)
    return f"{percent(rate)} pass (whole curve at {level(confidence)}: {_span(ends.low, ends.high, 0)})"


def _span(low: float, high: float, digits: int = 1) -> str:
    ends = dict.fromkeys((percent(low, digits), percent(high, digits)))
    return " to ".join(ends)
