"""The pass rate as a function of one nested knob, at every value it could take and not only where it was swept."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeVar

from evalkit.landscape.directions import Line, line_of, turned
from evalkit.landscape.knobs import LIMITS, Entry, graded_as_they_stand, limit_value, tolerance_knobs
from evalkit.landscape.set_curves import SetStep, SetTerms, Try, set_steps, tallies_at
from evalkit.landscape.thresholds import (
    LARGEST,
    SMALLEST,
    Gap,
    KnobGrader,
    NotMonotoneError,
    Trial,
    breakpoints,
    critical,
)
from evalkit.results.set_summary import ABOUT
from evalkit.stats.verdict import Band
from evalkit.task.grade import Grade


@dataclass(frozen=True)
class Step:
    """From `value` on, up to the next step: `passed` of `graded` runs, and perhaps the `unknown` ones among them."""

    value: float
    passed: int
    graded: int
    unknown: int = 0

    @property
    def rate(self) -> float:
        """With all unknown runs failed; 0 where no run was graded."""
        return self.passed / self.graded if self.graded else 0.0

    @property
    def highest(self) -> float:
        """With all unknown runs passed."""
        return (self.passed + self.unknown) / self.graded if self.graded else 0.0

    def within(self, band: Band) -> bool:
        """Whether the rate is in the band, whatever the unknown runs were."""
        return self.graded > 0 and self.rate in band and self.highest in band


AnyStep = TypeVar("AnyStep", Step, SetStep)


@dataclass(frozen=True)
class Curve:
    """The whole empirical distribution along one knob, all other knobs fixed.

    Its steps ascend from strict to loose. So of a knob that loosens downwards (`falling`) every value in it is negated;
    `turned` gives the knob's, and `ascending` the steps by it.
    """

    knob: str
    at: Mapping[str, float]
    """The other nested knobs."""
    steps: tuple[Step, ...]
    """Ascending; the first starts at the smallest value that the knob can take."""
    needed: tuple[float, ...]
    """Per run without error, ascending: the smallest value that lets it pass, infinite if none is known to."""
    end: float
    """The largest value about which anything is known: what was sampled, or the largest tolerance."""
    whole: bool
    """Whether the knob takes whole numbers only."""
    perhaps: tuple[float, ...] = ()
    """`needed`, with every run passed where nobody knows; empty where everything is known."""
    set: tuple[SetStep, ...] = ()
    """Of a set of problems: the same by problem, at its steps or, of a long curve, at some of them."""
    falling: bool = False
    """Whether a smaller value of the knob is looser."""

    @property
    def is_limit(self) -> bool:
        """Whether it is a budget; else it is a tolerance."""
        return self.knob in LIMITS

    def place(self, value: float) -> int:
        """The index of the step that a value lies on."""
        return max(bisect_right([step.value for step in self.steps], value) - 1, 0)

    def step(self, value: float) -> Step:
        """What is true at a value of the knob."""
        return self.steps[self.place(self.turned(value))]

    def turned(self, value: float) -> float:
        """A value of the knob as the curve has it, and back."""
        return turned(value) if self.falling else value

    @property
    def ascending(self) -> list[Step]:
        """The steps by the knob's own values: each holds from its value up to the next."""
        return self._ascending(self.steps)

    @property
    def set_ascending(self) -> list[SetStep]:
        """The same of a set."""
        return self._ascending(self.set)

    def _ascending(self, steps: Sequence[AnyStep]) -> list[AnyStep]:
        if not self.falling or not steps:
            return list(steps)
        ends = [turned(step.value) for step in steps[1:]]
        starts = [end + 1 if self.whole else math.nextafter(end, math.inf) for end in ends] + [turned(self.end)]
        return [replace(step, value=start) for step, start in zip(steps, starts, strict=True)][::-1]


class Nest:
    """Rollouts under one set of limits, and every nested knob that can be turned on them without sampling."""

    def __init__(self, top: Entry) -> None:
        """`top`: a finished cell; its limits bound what is known."""
        node = top.config.task
        runs = sorted(top.runs, key=lambda run: run.number)
        self._standing = graded_as_they_stand(top)
        self.trials = [Trial.as_it_stands(run) if self._standing else Trial.of(run) for run in runs]
        self._problems = [run.problem for run in runs] if top.summary.set else []
        band = top.config.band
        self.terms = SetTerms(Band(band.low, band.high), band.confidence, ABOUT[band.about], band.group)
        self.tolerances = tolerance_knobs(node, top.task)
        self.grader = KnobGrader(node, self.tolerances)
        self.limits = {knob: limit_value(top.limits, knob) for knob in LIMITS}
        values = zip(self.tolerances, map(float, self.grader.values()), strict=True)
        self.base: dict[str, float] = {**self.limits, **dict(values)}
        """Every nested knob at its value in the top cell."""
        self._whole = [isinstance(value, int) for value in self.grader.values()]
        graded = [trial.measurement for trial in self.trials if trial.measurement and not trial.measurement.fault]
        self._lines = {knob: line_of(self.grader, n, graded) for n, knob in enumerate(self.tolerances)}

    @property
    def knobs(self) -> list[str]:
        """Knobs worth a curve: budgets that are set, unless runs are graded however they end, and every tolerance."""
        if self._standing:
            return self.tolerances
        return [knob for knob in LIMITS if self.limits[knob] < math.inf] + self.tolerances

    @property
    def of_set(self) -> bool:
        """Whether the rollouts are those of a set of problems."""
        return bool(self._problems)

    def by_problem(self) -> Iterator[list[Trial]]:
        """The trials at each problem of a set, which lie together in the order of the runs."""
        pairs = zip(self._problems, self.trials, strict=True)
        for _, group in groupby(pairs, key=lambda pair: pair[0]):
            yield [trial for _, trial in group]

    def curve(self, knob: str, at: Mapping[str, float], choices: int = 1) -> Curve:
        """The pass rate along `knob`; the others at their values in `at`, or else in the top cell.

        `choices`: the curves along `knob` among which this one was chosen, which a set's steps allow for.
        Raises `NotMonotoneError` for a task whose `grade` breaks its contract.
        """
        others = {name: value for name, value in {**self.base, **at}.items() if name != knob}
        start, end, whole, needs = self._needs(knob, others)
        falling = self.turns(knob)
        unknown = [self._gaps(knob, others, trial.unknown) for trial in self.trials]
        errors = [(need, math.inf) for need, error in needs if error]
        errors += [gap for trial in self.trials for gap in self._gaps(knob, others, trial.errors)]
        fine = sorted(need if need <= end else math.inf for need, error in needs if not error)
        steps = _steps(start, end, len(self.trials), fine, errors, [gap for gaps in unknown for gap in gaps])
        pairs = zip(needs, unknown, strict=True)
        perhaps = sorted(min([need, *(first for first, _ in gaps)]) for (need, error), gaps in pairs if not error)
        perhaps = [max(start, value) if value <= end else math.inf for value in perhaps]
        perhaps = perhaps if any(unknown) else []
        known = Curve(knob, others, steps, tuple(fine), end, whole, tuple(perhaps), falling=falling)
        return replace(known, set=self._set(known, needs, unknown, choices)) if self.of_set else known

    def line(self, knob: str) -> Line:
        """The values of a tolerance from strict to loose."""
        return self._lines[knob]

    def turns(self, knob: str) -> bool:
        """Whether a smaller value of a knob is looser."""
        return knob in self._lines and self._lines[knob].falling

    def _needs(self, knob: str, others: Mapping[str, float]) -> tuple[float, float, bool, list[tuple[float, bool]]]:
        """The ends of the curve, whether the knob is whole, and of each trial what it needs and whether it errs."""
        if knob in LIMITS:
            start, end, whole = 1.0, self.limits[knob], True
            needs = [self._limit_needed(trial, knob, others) for trial in self.trials]
        else:
            index = self.tolerances.index(knob)
            line, whole = self.line(knob), self._whole[index]
            start, end = line.low, line.high
            needs = [self._tolerance_needed(trial, index, others) for trial in self.trials]
            if whole:
                start, end = math.ceil(start) if line.signed else max(1.0, start), math.floor(end)
                needs = [(math.ceil(need) if need < math.inf else need, error) for need, error in needs]
        return start, end, whole, needs

    def _set(
        self, curve: Curve, needs: Sequence[tuple[float, bool]], unknown: Sequence[Sequence[Span]], choices: int
    ) -> tuple[SetStep, ...]:
        """The curve of a set, from what its tries need."""
        tries = self._tries(curve.knob, curve.at, needs, unknown)
        return set_steps(tries, [step.value for step in curve.steps], self.terms, choices)

    def counts(self, at: Mapping[str, float]) -> dict[str, tuple[int, int]]:
        """Of a set: passes and tries of each problem at a setting; unknown tries count as failed."""
        knob = next(iter(at))
        others = {name: value for name, value in {**self.base, **at}.items() if name != knob}
        unknown = [self._gaps(knob, others, trial.unknown) for trial in self.trials]
        here = turned(at[knob]) if self.turns(knob) else min(at[knob], LARGEST)
        found = tallies_at(self._tries(knob, others, self._needs(knob, others)[3], unknown), here)
        return {tally.problem: (tally.passed, tally.tries + tally.unknown) for tally in found}

    def _tries(
        self,
        knob: str,
        others: Mapping[str, float],
        needs: Sequence[tuple[float, bool]],
        unknown: Sequence[Sequence[Span]],
    ) -> list[Try]:
        tries = []
        for problem, trial, (need, error), unsure in zip(self._problems, self.trials, needs, unknown, strict=True):
            gone = [(need, math.inf)] if error else []
            gone += self._gaps(knob, others, trial.errors)
            tries.append(Try(problem or "", math.inf if error else need, gone, unsure))
        return tries

    def _within(self, trial: Trial, at: Mapping[str, float]) -> bool:
        return all(trial.reach.of(name) <= value for name, value in at.items() if name in LIMITS)

    def _gaps(self, knob: str, others: Mapping[str, float], gaps: Sequence[Gap]) -> list[tuple[float, float]]:
        """Where along the knob, from … to below …, limits lie in a gap."""
        found = []
        for start, end in gaps:
            inside = all(start.of(name) <= value for name, value in others.items() if name in LIMITS)
            past = end is not None and all(end.of(name) <= value for name, value in others.items() if name in LIMITS)
            if inside and (knob in LIMITS or not past):
                first = start.of(knob) if knob in LIMITS else -math.inf
                found.append((first, end.of(knob) if end is not None and past else math.inf))
        return [(first, last) for first, last in found if first < last]

    def _limit_needed(self, trial: Trial, knob: str, others: Mapping[str, float]) -> tuple[float, bool]:
        """The budget at which the trial passes (or turns into an error), and whether it is an error."""
        if not self._within(trial, others):
            return math.inf, False
        if trial.error:
            return trial.reach.of(knob), True
        passes = trial.measurement is not None and (
            self.grader([others[name] for name in self.tolerances], trial.measurement).passed
        )
        return (trial.reach.of(knob) if passes else math.inf), False

    def _tolerance_needed(self, trial: Trial, index: int, others: Mapping[str, float]) -> tuple[float, bool]:
        """The place on the tolerance's line from which on the trial passes, and whether it is an error."""
        measurement, line = trial.measurement, self.line(self.tolerances[index])
        if not self._within(trial, others):
            return math.inf, False
        if trial.error:
            return line.low, True
        if measurement is None or measurement.fault:
            return math.inf, False
        values = [others.get(name, 0.0) for name in self.tolerances]

        def grade(place: float) -> Grade:
            values[index] = line.turned(place)
            return self.grader(values, measurement)

        here = line.turned(self.base[self.tolerances[index]])
        tried = [grade(place) for place in (line.low, here, line.high)]
        if tried[0].passed and not tried[-1].passed:
            raise NotMonotoneError
        hints = line.hints(tried) if line.signed else breakpoints(tried)
        return critical(lambda place: grade(place).passed, hints, line.low, line.high), False


Span = tuple[float, float]
"""From the first value on, up to below the second."""


def _steps(
    start: float, end: float, total: int, needed: Sequence[float], errors: Sequence[Span], unknown: Sequence[Span]
) -> tuple[Step, ...]:
    """`errors`: where a run is an error and leaves the rate; `unknown`: where nobody knows whether it passes."""
    gone, unsure = _Inside(errors), _Inside(unknown)
    edges = (edge for span in (*errors, *unknown) for edge in span)
    values = sorted({start, *(max(start, value) for value in (*needed, *edges) if value <= end)})
    return tuple(Step(value, bisect_right(needed, value), total - gone(value), unsure(value)) for value in values)


class _Inside:
    """How many of several spans hold a value."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._firsts, self._lasts = (sorted(ends) for ends in zip(*spans, strict=True)) if spans else ([], [])

    def __call__(self, value: float) -> int:
        return bisect_right(self._firsts, value) - bisect_right(self._lasts, value)


__all__ = ["LARGEST", "SMALLEST", "Curve", "Nest", "Step"]
