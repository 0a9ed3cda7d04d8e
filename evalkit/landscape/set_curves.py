"""Rate, training signal and problems in the band along one knob, of a set of problems; as fresh launches would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.results.problem_tallies import Tally
from evalkit.results.set_summary import Estimate, SetSummary, rate_over, signal_over
from evalkit.stats.intervals import Interval
from evalkit.stats.problem_sets import About
from evalkit.stats.verdict import Band

MOST_POINTS = 300
"""Of a curve over a set: beyond, points are spread evenly over its steps."""
MOST_WORK = 2_000_000
"""Tries times points."""

Span = tuple[float, float]


@dataclass(frozen=True)
class SetTerms:
    """What the config asks about a set."""

    band: Band
    confidence: float
    about: About
    group: int


@dataclass(frozen=True)
class SetStep:
    """What a launch at `value` says of its set, and so does every value up to the next step of the curve."""

    value: float
    problems: int
    """Those with a try that passed or failed."""
    in_band: int
    """Of them: those whose observed rate is in the band."""
    rate: Estimate
    """In the meaning that `band.about` names."""
    signal: Estimate
    sure: Interval
    """The interval of the rate that also holds where the curve was chosen among several."""


@dataclass(frozen=True)
class SetPoint:
    """The same of a swept cell, from its summary."""

    problems: int
    in_band: int
    rate: Estimate
    signal: Estimate
    about: About
    group: int

    @classmethod
    def of(cls, summary: SetSummary | None) -> SetPoint | None:
        """None for a launch over one problem."""
        if summary is None:
            return None
        return cls(summary.problems, summary.in_band, summary.rate, summary.signal, summary.about, summary.group)


@dataclass(frozen=True)
class Try:
    """One try along a knob: from which value on it passes, and where it is an error or nobody knows."""

    problem: str
    needed: float
    """Infinite where it never passes."""
    errors: Sequence[Span]
    unknown: Sequence[Span]

    def add_to(self, tally: Tally, value: float) -> None:
        """Count it as what it is at a value."""
        if _inside(self.errors, value):
            tally.errors += 1
        elif _inside(self.unknown, value):
            tally.unknown += 1
        elif self.needed <= value:
            tally.passed += 1
        else:
            tally.failed += 1


def _inside(spans: Sequence[Span], value: float) -> bool:
    return any(first <= value < last for first, last in spans)


def set_steps(tries: Sequence[Try], values: Sequence[float], terms: SetTerms, choices: int = 1) -> tuple[SetStep, ...]:
    """At the steps of a curve, or at as many of them as there is time for; `choices`: curves it was chosen among."""
    most = max(2, min(MOST_POINTS, MOST_WORK // max(len(tries), 1)))
    if len(values) > most:
        values = [values[round(n * (len(values) - 1) / (most - 1))] for n in range(most)]
    return tuple(_step(tries, value, terms, choices) for value in values)


def tallies_at(tries: Sequence[Try], value: float) -> list[Tally]:
    """The tally of each problem at a value of the knob."""
    found: dict[str, Tally] = {}
    for each in tries:
        each.add_to(found.setdefault(each.problem, Tally(each.problem)), value)
    return list(found.values())


def _step(tries: Sequence[Try], value: float, terms: SetTerms, choices: int) -> SetStep:
    tallies = tallies_at(tries, value)
    rates = [tally.rate for tally in tallies if tally.rate is not None]
    rate = rate_over(tallies, terms.about, terms.confidence)
    stricter = 1 - (1 - terms.confidence) / choices
    sure = rate if choices == 1 else rate_over(tallies, terms.about, stricter)
    return SetStep(
        value=value,
        problems=len(rates),
        in_band=sum(each in terms.band for each in rates),
        rate=rate,
        signal=signal_over(tallies, terms.group, terms.confidence, terms.about),
        sure=sure.interval,
    )
