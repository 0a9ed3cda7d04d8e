"""Where to set a knob so that the pass rate lies in the band, how sure that is, and the sentence that says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from evalkit.landscape.curves import Curve, Step
from evalkit.stats.intervals import Interval, wilson
from evalkit.stats.simultaneous import Crossing, crossing
from evalkit.stats.verdict import Band
from evalkit.text import percent
from evalkit.wording import level, rate_text


class Finding(StrEnum):
    """What a knob can do about the pass rate."""

    RANGE = "range"  # there is a range of values with a rate in the band
    OPEN = "open"  # from some value on, as far as anything is known
    FLAT = "flat"  # the rate is in the band and the same whatever the knob says
    TOO_HARD = "too_hard"  # the rate stays below the band up to the largest known value
    TOO_EASY = "too_easy"  # the rate is above the band even at the smallest value
    JUMP = "jump"  # the rate jumps over the band


@dataclass(frozen=True)
class Recommendation:
    """One knob, all others fixed."""

    knob: str
    at: Mapping[str, float]
    """The other nested knobs."""
    finding: Finding
    low: float | None = None
    """The smallest value whose observed rate is in the band."""
    high: float | None = None
    """The largest such value; None where none is known."""
    enters: Interval | None = None
    """Where the true rate reaches the band's lower edge."""
    leaves: Interval | None = None
    """Where it passes the upper edge. Infinite ends: beyond what is known."""
    certain: Interval | None = None
    """Values at which the true rate is in the band, all of them together at the confidence; None: too few runs."""
    value: float | None = None
    """The value to take: round, and with a rate near the middle of the band."""
    passed: int = 0
    runs: int = 0
    """At `value`; where there is none, at the end that comes nearest to the band."""
    interval: Interval = field(default_factory=lambda: Interval(0.0, 1.0))
    sentence: str = ""

    @property
    def possible(self) -> bool:
        """Whether the knob has values in the band."""
        return self.value is not None


def recommend(curve: Curve, band: Band, confidence: float, current: float | None = None) -> Recommendation:
    """Invert the curve: the values at which the rate enters and leaves the band.

    `current`: taken as the value to set where the rate there is as good as any.

    The intervals of both crossings are order statistics of what the runs need (`stats.simultaneous.crossing`), each
    at `confidence`; `certain` lies between the inner ends of both and holds at the same confidence (a tail of half
    the error on each side).
    """
    inside = [n for n, step in enumerate(curve.steps) if step.graded and step.rate in band]
    if not inside or len(curve.steps) == 1:
        return _nothing(curve, band, confidence)
    first, last = inside[0], inside[-1]
    low = curve.steps[first].value
    open_end = last == len(curve.steps) - 1
    high = None if open_end else _before(curve.steps[last + 1].value, curve.whole)
    value = _choose(curve, inside, band, current)
    step = curve.step(value)
    enters = crossing(curve.needed, band.low, confidence) if band.low > 0 else Crossing(low, -math.inf, -math.inf)
    leaves = crossing(curve.needed, band.high, confidence)
    certain = None
    if enters.high < leaves.low:
        certain = Interval(max(enters.high, curve.steps[0].value), min(leaves.low, curve.end))
    found = Recommendation(
        knob=curve.knob,
        at=curve.at,
        finding=Finding.OPEN if open_end else Finding.RANGE,
        low=low,
        high=high,
        enters=Interval(enters.low, enters.high),
        leaves=Interval(leaves.low, leaves.high),
        certain=certain,
        value=value,
        passed=step.passed,
        runs=step.graded,
        interval=wilson(step.passed, step.graded, confidence),
    )
    return _with_sentence(found, curve, band, confidence)


def _nothing(curve: Curve, band: Band, confidence: float) -> Recommendation:
    """Nothing to set: too hard throughout, too easy throughout, the same throughout, or a jump over the band."""
    graded = [step for step in curve.steps if step.graded]
    step = graded[-1] if graded else Step(curve.end, 0, 0)
    if graded and len(curve.steps) == 1 and step.rate in band:
        finding = Finding.FLAT
    elif not graded or step.rate < band.low:
        finding = Finding.TOO_HARD
    elif graded[0].rate > band.high:
        finding, step = Finding.TOO_EASY, graded[0]
    else:
        finding = Finding.JUMP
        step = next(step for step in graded if step.rate > band.high)
    found = Recommendation(
        curve.knob,
        curve.at,
        finding,
        passed=step.passed,
        runs=step.graded,
        interval=wilson(step.passed, step.graded, confidence),
    )
    return _with_sentence(found, curve, band, confidence, step)


def _before(value: float, whole: bool) -> float:
    return value - 1 if whole else math.nextafter(value, 0.0)


def _choose(curve: Curve, inside: list[int], band: Band, current: float | None) -> float:
    """A round value whose rate is as near to the middle of the band as the steps allow."""
    middle = (band.low + band.high) / 2
    nearest = min(inside, key=lambda n: abs(curve.steps[n].rate - middle))
    slack = (band.high - band.low) / 8
    near = [n for n in inside if abs(curve.steps[n].rate - middle) <= slack] or [nearest]
    low = curve.steps[near[0]].value
    if near[-1] + 1 < len(curve.steps):
        high = _before(curve.steps[near[-1] + 1].value, curve.whole)
    else:
        high = min(curve.end, 2 * low)
    if current is not None and (low <= current <= high or (near[-1] + 1 == len(curve.steps) and current >= low)):
        return current
    return roundest(low, high, curve.whole)


def roundest(low: float, high: float, whole: bool) -> float:
    """The number with the fewest significant digits in `low` … `high`, nearest to the middle among equals."""
    if high <= low:
        return low
    centre = Decimal((low + high) / 2)
    for digits in range(1, 17):
        scale = Decimal(1).scaleb(centre.adjusted() - digits + 1)
        if whole and scale < 1:
            scale = Decimal(1)
        for rounding in (ROUND_FLOOR, ROUND_CEILING):
            number = float((centre / scale).to_integral_value(rounding) * scale)
            if low <= number <= high:
                return number
    return low


def number(value: float, *, up: bool | None = None, digits: int = 3) -> str:
    """A knob's value for people: `2,310`, `0.0313`. `up` says which way to round what has more digits."""
    if not math.isfinite(value):
        return "no limit"
    if value == round(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{_rounded(value, up, digits):.17g}" if digits > 12 else f"{_rounded(value, up, digits):.12g}"


def _rounded(value: float, up: bool | None, digits: int) -> float:
    exact = Decimal(value)
    rounding = {None: ROUND_HALF_EVEN, True: ROUND_CEILING, False: ROUND_FLOOR}[up]
    scale = Decimal(1).scaleb(exact.adjusted() - digits + 1)
    return float((exact / scale).to_integral_value(rounding) * scale)


def inward(low: float, high: float) -> tuple[str, str]:
    """Both ends of a range, rounded into it: whoever types one of them gets a value that is inside."""
    for digits in range(3, 17):
        if _rounded(low, True, digits) <= _rounded(high, False, digits):
            return number(low, up=True, digits=digits), number(high, up=False, digits=digits)
    return f"{low!r}", f"{high!r}"


def _with_sentence(
    found: Recommendation, curve: Curve, band: Band, confidence: float, nearest: Step | None = None
) -> Recommendation:
    if found.possible:
        return replace(found, sentence=_words_for_range(found, curve, confidence))
    return replace(found, sentence=_words_for_none(found, curve, band, nearest))


def _words_for_range(found: Recommendation, curve: Curve, confidence: float) -> str:
    assert found.low is not None and found.value is not None and found.enters and found.leaves
    rate = _rate(found)
    if found.low == curve.steps[0].value and found.high is None:
        return f"`{curve.knob}` is in the band whatever it is; at {number(found.value)} the rate is {rate}"
    low, high = inward(found.low, curve.end if found.high is None else found.high)
    at_start = found.low == curve.steps[0].value
    if found.high is None:
        where = f"from {low} up" + (f", as far as was sampled ({number(curve.end)})" if curve.is_limit else "")
    elif at_start:
        where = f"up to {high}"
    else:
        where = f"between {low} and {high}" if low != high else f"to {low}"
    bounds = []
    if not at_start:
        bounds.append(f"enters the band at {_span(found.enters, curve)}")
    if found.high is not None or found.leaves.low <= curve.end:
        bounds.append(f"leaves it at {_span(found.leaves, curve)}")
    sure = f" ({level(confidence)}: {', '.join(bounds)})" if bounds else ""
    return f"set `{curve.knob}` {where}{sure}; at {number(found.value)} the rate is {rate}"


def _rate(found: Recommendation) -> str:
    return rate_text(found.passed / found.runs, found.interval) if found.runs else "unknown"


def _span(interval: Interval, curve: Curve) -> str:
    known_low, known_high = interval.low > curve.steps[0].value, interval.high <= curve.end
    low, high = number(interval.low, up=False), number(interval.high, up=True)
    if known_low and known_high:
        return f"{low}–{high}" if low != high else low
    if known_low:
        return f"{low} or more" if interval.low <= curve.end else "none of the values sampled"
    return f"{high} or less" if known_high else "an unknown value"


def _words_for_none(found: Recommendation, curve: Curve, band: Band, nearest: Step | None) -> str:
    rate = _rate(found)
    if found.runs == 0 or nearest is None:
        return f"nothing can be said about `{curve.knob}`: no run was graded"
    if found.finding is Finding.FLAT:
        return f"`{curve.knob}` makes no difference: the rate is {rate} whatever it is"
    if found.finding is Finding.TOO_EASY:
        return (
            f"no value of `{curve.knob}` makes this hard enough for the band ({band}): even the smallest gives {rate}"
        )
    if found.finding is Finding.TOO_HARD and curve.is_limit:
        return (
            f"no `{curve.knob}` up to {number(curve.end)} reaches the band ({band}): there the rate is {rate}, and "
            "nothing larger was sampled"
        )
    if found.finding is Finding.TOO_HARD:
        return f"no `{curve.knob}`, however loose, reaches the band ({band}): the rate stays at {rate}"
    before = curve.step(_before(nearest.value, curve.whole))
    return (
        f"no value of `{curve.knob}` gives a rate in the band ({band}): it jumps from {percent(before.rate)} to {rate} "
        f"at {number(nearest.value, up=True)}"
    )
