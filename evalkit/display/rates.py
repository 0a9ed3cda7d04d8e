"""Writes pass rates and their intervals, wherever one is said."""

from __future__ import annotations

from evalkit.results.summary import Rate
from evalkit.stats.intervals import Interval
from evalkit.util.text import percent


def range_text(interval: Interval) -> str:
    """`10.9-52.0%`."""
    return f"{100 * interval.low:.1f}-{100 * interval.high:.1f}%"


def level(confidence: float) -> str:
    """`95%`."""
    return f"{100 * confidence:g}%"


def rate_text(rate: float | None, interval: Interval) -> str:
    """`26.7% (10.9-52.0%)`, or a dash where nothing was observed: a rate with its interval, wherever one is written."""
    return "–" if rate is None else f"{percent(rate)} ({range_text(interval)})"


def rate_words(rate: Rate) -> str:
    """`rate_text` of a rate; of one that is known as a range only, `between 0.0 and 60.0% (0.0-80.2%)`."""
    return f"{bare_rate(rate)} ({range_text(rate.interval)})" if rate.runs else bare_rate(rate)


def bare_rate(rate: Rate) -> str:
    """The same without its interval."""
    if rate.range is None:
        return "–"
    if rate.unknown:
        return f"between {100 * rate.range.low:.1f} and {percent(rate.range.high)}"
    return percent(rate.range.low)
