"""Recommendations: the value of a knob whose pass rate lies in the band, how sure that is, and the sentence for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from evalkit.display.rates import level, rate_words
from evalkit.landscape.curves import LARGEST, Curve, Step
from evalkit.landscape.round_numbers import inward, number, roundest
from evalkit.results.summary import Rate
from evalkit.stats.inband import (
    MOST_RUNS,
    Plan,
    chance_in_band,
    fewest_runs,
    floored,
    is_above,
    is_below,
    runs_to_be_sure,
)
from evalkit.stats.intervals import Interval, wilson
from evalkit.stats.sequential import lower_bound, upper_bound
from evalkit.stats.simultaneous import crossing
from evalkit.stats.verdict import Band
from evalkit.util.text import counted, percent


class Outlook(StrEnum):
    """What a knob can do about the pass rate."""

    RANGE = "range"  # there is a range of values with a rate in the band
    OPEN = "open"  # from some value on, as far as anything is known
    FLAT = "flat"  # the rate is in the band and the same whatever the knob says
    TOO_HARD = "too_hard"  # the rate stays below the band up to the loosest known value
    TOO_EASY = "too_easy"  # the rate is above the band even at the strictest value
    JUMP = "jump"  # the rate jumps over the band
    UNKNOWN = "unknown"  # too many runs are unknown to say


@dataclass(frozen=True)
class Recommendation:
    """One knob, all others fixed."""

    knob: str
    at: Mapping[str, float]
    """The other nested knobs."""
    finding: Outlook
    low: float | None = None
    """The smallest value whose observed rate is in the band; None where none is known."""
    high: float | None = None
    """The largest such value; None where none is known."""
    enters: Interval | None = None
    """Where the true rate reaches the band's lower edge."""
    leaves: Interval | None = None
    """Where it passes the upper edge. Infinite ends: beyond what is known."""
    certain: Interval | None = None
    """Values at which the true rate is in the band, all of them together at the confidence; None: too few runs."""
    value: float | None = None
    """The value to set: one of those that are certain, round, and with a rate near the middle of the band. None: the
    runs support none."""
    candidate: float | None = None
    """`value`, or where there is none, the value that is most likely in the band."""
    chance: float | None = None
    """At least this sure is it that the true rate at `candidate` is in the band (`stats.inband`)."""
    passed: int = 0
    runs: int = 0
    """At `candidate`; where there is none, at the end that comes nearest to the band."""
    unknown: int = 0
    """Of `runs`: those that may have passed or not."""
    interval: Interval = field(default_factory=lambda: Interval(0.0, 1.0))
    sentence: str = ""

    @property
    def possible(self) -> bool:
        """Whether a value is recommended."""
        return self.value is not None


@dataclass(frozen=True)
class Grounds:
    """What a recommendation is measured by, beside the curve."""

    band: Band
    confidence: float = 0.95
    plan: Plan = field(default_factory=Plan)
    simulated: bool = False
    """The rollouts are those of simulated agents: every recommendation says so."""

    def interval(self, passed: int, runs: int) -> Interval:
        """Of the rate of `passed` of `runs`."""
        if not self.plan.stopped:
            return wilson(passed, runs, self.confidence)
        tail = (1 - self.confidence) / 2
        return Interval(lower_bound(passed, runs, tail), upper_bound(passed, runs, tail)) if runs else Interval(0, 1)

    def around(self, step: Step) -> Interval:
        """Of the rate at a step, whatever its unknown runs were."""
        highest = self.interval(step.passed + step.unknown, step.graded).high
        return Interval(self.interval(step.passed, step.graded).low, highest)


def recommend(curve: Curve, grounds: Grounds, current: float | None = None) -> Recommendation:
    """Invert the curve: the values at which the rate is in the band, and one of them to set if the runs support it.

    `current`: the knob's value, taken as the one to set where the rate there is as good as any. A value is recommended
    only where `chance_in_band` reaches the confidence, which holds for all such values at once, so one may be chosen.
    The intervals of both crossings are order statistics of what the runs need (`stats.simultaneous.crossing`).
    """
    band = grounds.band
    current = None if current is None else curve.turned(current)
    inside = _last_block([n for n, step in enumerate(curve.steps) if step.within(band)], curve)
    if not inside or len(curve.steps) == 1:
        return _nothing(curve, grounds)
    chances = _chances(curve, grounds)
    sure = [n for n in inside if chances[n] >= grounds.confidence]
    candidate = _choose(curve, sure, grounds, current) if sure else _most_likely(curve, inside, chances)
    place = curve.place(candidate)
    step = curve.steps[place]
    open_end = inside[-1] == len(curve.steps) - 1
    enters, leaves = _crossings(curve, grounds)
    found = Recommendation(
        knob=curve.knob,
        at=curve.at,
        finding=Outlook.OPEN if open_end else Outlook.RANGE,
        low=curve.steps[inside[0]].value,
        high=None if open_end else _before(curve.steps[inside[-1] + 1].value, curve.whole),
        enters=enters,
        leaves=leaves,
        certain=_certain(curve, sure, place),
        value=candidate if sure else None,
        candidate=candidate,
        chance=float(chances[place]),
        passed=step.passed,
        runs=step.graded,
        unknown=step.unknown,
        interval=grounds.around(step),
    )
    words = _words_to_set(found, curve, grounds) if sure else _words_for_too_few(found, curve, grounds)
    return by_value(replace(found, sentence=words), curve)


def by_value(found: Recommendation, curve: Curve) -> Recommendation:
    """The same with the knob's own values: the curve of one that loosens downwards has their negatives.

    Where it may be negative, the end of what it can be is infinite.
    """
    if not (curve.falling or curve.steps[0].value <= -LARGEST):
        return found

    def value(number: float | None) -> float | None:
        if number is None:
            return None
        return curve.turned(number if abs(number) < LARGEST else math.copysign(math.inf, number))

    def interval(ends: Interval | None) -> Interval | None:
        if ends is None:
            return None
        low, high = (value(end) or 0.0 for end in (ends.low, ends.high))
        return Interval(min(low, high), max(low, high))

    ends = value(found.low), value(found.high)
    low, high = ends[::-1] if curve.falling else ends
    return replace(
        found,
        low=low,
        high=high,
        enters=interval(found.enters),
        leaves=interval(found.leaves),
        certain=interval(found.certain),
        value=value(found.value),
        candidate=value(found.candidate),
    )


def _last_block(inside: list[int], curve: Curve) -> list[int]:
    """Where unknown runs tear the values in the band apart: those that belong together with the largest."""
    if not any(step.unknown for step in curve.steps):
        return inside
    return [n for n in inside if all(other in inside for other in range(n, inside[-1]))]


def _chances(curve: Curve, grounds: Grounds) -> Sequence[float]:
    """For every step, how sure it is that the true rate is in the band, whatever its unknown runs were."""
    graded = [step.graded for step in curve.steps]

    def chances(passed: list[int]) -> list[float]:
        found: list[float] = chance_in_band(passed, graded, grounds.band, grounds.plan).tolist()
        return found

    lowest = chances([step.passed for step in curve.steps])
    if not any(step.unknown for step in curve.steps):
        return lowest
    return [*map(min, lowest, chances([step.passed + step.unknown for step in curve.steps]))]


def _crossings(curve: Curve, grounds: Grounds) -> tuple[Interval | None, Interval | None]:
    """Where the true rate enters the band and where it leaves it; None where the results ended the sampling."""
    if grounds.plan.stopped:
        return None, None
    low, band, confidence = curve.steps[0].value, grounds.band, grounds.confidence

    def across(edge: float) -> Interval:
        """From where the rate could reach the edge, unknown runs passed, to where it must have, unknown runs failed."""
        known = crossing(curve.needed, edge, confidence)
        return Interval(crossing(curve.perhaps or curve.needed, edge, confidence).low, known.high)

    enters = across(band.low) if band.low > 0 else Interval(-math.inf, -math.inf)
    if enters.low > -math.inf:
        enters = Interval(max(enters.low, low), enters.high)
    return enters, across(band.high)


def _certain(curve: Curve, sure: Sequence[int], place: int) -> Interval | None:
    """The values around a place that are all certain. Infinite at its end: however much more."""
    if place not in sure:
        return None
    first = last = place
    while first - 1 in sure:
        first -= 1
    while last + 1 in sure:
        last += 1
    return Interval(curve.steps[first].value, step_end(curve, last))


def step_end(curve: Curve, place: int) -> float:
    """The last value of a step."""
    if place + 1 < len(curve.steps):
        return _before(curve.steps[place + 1].value, curve.whole)
    return curve.end if curve.is_limit else math.inf


def _nothing(curve: Curve, grounds: Grounds) -> Recommendation:
    """Nothing to set: too hard throughout, too easy throughout, the same throughout, or a jump over the band."""
    band = grounds.band
    graded = [step for step in curve.steps if step.graded]
    step = graded[-1] if graded else Step(curve.end, 0, 0)
    if graded and len(curve.steps) == 1 and step.within(band):
        finding = Outlook.FLAT
    elif perhaps := [one for one in graded if one.unknown and one.highest >= band.low and one.rate <= band.high]:
        finding, step = Outlook.UNKNOWN, perhaps[-1]
    elif not graded or step.rate < band.low:
        finding = Outlook.TOO_HARD
    elif graded[0].rate > band.high:
        finding, step = Outlook.TOO_EASY, graded[0]
    else:
        finding = Outlook.JUMP
        step = next(step for step in graded if step.rate > band.high)
    found = Recommendation(
        curve.knob,
        curve.at,
        finding,
        passed=step.passed,
        runs=step.graded,
        unknown=step.unknown,
        interval=grounds.around(step),
    )
    return replace(found, sentence=_words_for_none(found, curve, grounds, step))


def _before(value: float, whole: bool) -> float:
    return value - 1 if whole else math.nextafter(value, -math.inf)


def _most_likely(curve: Curve, inside: Sequence[int], chances: Sequence[float]) -> float:
    place = max(inside, key=lambda n: chances[n])
    return round_within(curve, place, place)


def _choose(curve: Curve, sure: Sequence[int], grounds: Grounds, current: float | None) -> float:
    """A round value among the certain ones whose rate is as near to the middle of the band as the steps allow."""
    band = grounds.band
    middle, slack = (band.low + band.high) / 2, (band.high - band.low) / 8
    first = last = min(sure, key=lambda n: abs(curve.steps[n].rate - middle))
    near = {n for n in sure if abs(curve.steps[n].rate - middle) <= slack}
    while first - 1 in near:
        first -= 1
    while last + 1 in near:
        last += 1
    low, high = curve.steps[first].value, step_end(curve, last)
    return current if current is not None and low <= current <= high else round_within(curve, first, last)


def round_within(curve: Curve, first: int, last: int) -> float:
    """A round value from the start of one step to the end of another."""
    low, high = curve.steps[first].value, min(step_end(curve, last), curve.end)
    if low > 0:
        return roundest(low, min(high, max(2 * low, 1.0)), curve.whole)
    # Not beyond half or twice the end that is known, and not beyond 0: values of a scale that the runs have seen.
    if low > -LARGEST:
        return roundest(low, min(high, low / 2 or 1.0), curve.whole)
    return roundest(min(high, high * 2 if high < 0 else high / 2 or -1.0), high, curve.whole)


def _words_to_set(found: Recommendation, curve: Curve, grounds: Grounds) -> str:
    assert found.value is not None and found.certain is not None and found.chance is not None
    whom = " for the simulated model (which measures no LLM)" if grounds.simulated else ""
    others = _values(found.certain.low, found.certain.high, curve)
    every = f"; so is every value {others}, with a chance of at least {level(grounds.confidence)}" if others else ""
    return (
        f"set `{curve.knob}` to {number(curve.turned(found.value))}{whom}: the rate there is {_rate(found)}, in the "
        f"band ({grounds.band}) with a chance of at least {floored(found.chance)}{every}"
    )


def _words_for_too_few(found: Recommendation, curve: Curve, grounds: Grounds) -> str:
    """What the runs show, why it is not enough, and what would be."""
    assert found.low is not None and found.candidate is not None
    band, sure = grounds.band, level(grounds.confidence)
    where = _values(found.low, _end_of(found, curve), curve) or f"at {number(curve.turned(found.low))}"
    start = (
        f"{counted(found.runs, 'run')} cannot say what to set `{curve.knob}` to: the observed rate is in the band "
        f"({band}) {where}, but "
    )
    fewest = fewest_runs(band, grounds.confidence, grounds.plan)
    if fewest is None or found.runs < fewest:
        needed = f"more than {MOST_RUNS:,}" if fewest is None else f"at least {fewest:,}"
        return start + f"it takes {needed} runs to be {sure} sure that the true rate is"
    more = runs_to_be_sure(found.passed / found.runs, band, grounds.confidence, grounds.plan)
    about = f"about {more:,} runs" if more is not None else "many more runs"
    return start + (
        f"at no value is it {sure} sure that the true rate is; nearest to that comes "
        f"{number(curve.turned(found.candidate))} with {_rate(found)}, for which {about} would settle it if the rate "
        "stays the same"
    )


def _end_of(found: Recommendation, curve: Curve) -> float:
    return step_end(curve, len(curve.steps) - 1) if found.high is None else found.high


def _values(low: float, high: float, curve: Curve) -> str:
    """`between 2,004 and 2,402`, `up to 70`, `from 0.05 up`; nothing if there is but one."""
    start, end = low <= curve.steps[0].value, high >= curve.end
    if curve.falling or curve.steps[0].value < 0:
        return _values_either_way(low, high, curve)
    if start and end:
        return f"up to {number(curve.end)}" if curve.is_limit else "above 0"
    first, last = inward(low, min(high, curve.end))
    if start:
        return f"up to {last}"
    if end:
        return f"from {first} up" + (f" to {last}, the largest that was sampled" if curve.is_limit else "")
    return "" if first == last else f"between {first} and {last}"


def _values_either_way(low: float, high: float, curve: Curve) -> str:
    """The same of a knob that may be negative or loosens downwards: open ends by the knob's own values."""
    ends = [
        -math.inf if low <= curve.steps[0].value else low,
        math.inf if high >= curve.end else high,
    ]
    least, most = sorted(map(curve.turned, ends))
    if least == -math.inf:
        return "from its lowest to its highest" if most == math.inf else f"up to {number(most, up=False)}"
    if most == math.inf:
        return f"from {number(least, up=True)} up"
    first, last = inward(least, most)
    return "" if first == last else f"between {first} and {last}"


def _rate(found: Recommendation) -> str:
    return rate_words(Rate(found.passed, found.runs, found.interval, found.unknown)) if found.runs else "unknown"


def _words_for_none(found: Recommendation, curve: Curve, grounds: Grounds, nearest: Step) -> str:
    """Why there is nothing to set; and where the runs are too few to know, that they are."""
    knob, band, value = f"`{curve.knob}`", grounds.band, curve.turned(nearest.value)
    if found.runs == 0:
        return f"nothing can be said about {knob}: no run was graded"
    if found.finding is Outlook.UNKNOWN:
        return (
            f"no value of {knob} is known to give a rate in the band ({band}): at {number(value)} it is "
            f"{_rate(found)}, because {nearest.unknown} of {counted(nearest.graded, 'run')} are unknown"
        )
    rate = f"{_rate(found)} in {counted(found.runs, 'run')}"
    if found.finding is Outlook.FLAT:
        return f"{knob} made no difference: the rate is {rate} whatever it is"
    # A jump is wrong if either of its ends is, so each may be so half as often.
    confidence = (1 + grounds.confidence) / 2 if found.finding is Outlook.JUMP else grounds.confidence
    before = curve.steps[max(curve.place(nearest.value) - 1, 0)]
    easy = is_above(nearest.passed, nearest.graded, band.high, confidence, grounds.plan)
    if found.finding is Outlook.TOO_EASY:
        strictest = "largest" if curve.falling else "smallest"
        known, said = easy, f"even the {strictest} {knob} is too easy for the band ({band}): the rate there is {rate}"
    elif found.finding is Outlook.TOO_HARD:
        known = is_below(nearest.passed, nearest.graded, band.low, confidence, grounds.plan)
        which = f"up to {number(curve.end)}, the largest sampled," if curve.is_limit else "however loose"
        said = f"no {knob} {which} reaches the band ({band}): the rate there is {rate}"
    else:
        known = easy and is_below(before.passed, before.graded, band.low, confidence, grounds.plan)
        jump = f"it jumps from {percent(before.rate)} to {rate} at {number(value, up=not curve.falling)}"
        said = f"no value of {knob} gives a rate in the band ({band}): {jump}"
    return said if known else f"{said}; that is too few to be {level(grounds.confidence)} sure"
