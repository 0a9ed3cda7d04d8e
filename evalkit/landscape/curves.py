"""The pass rate as a function of one nested knob, at every value it could take and not only where it was swept."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.landscape.knobs import LIMITS, Entry, limit_value, tolerance_knobs
from evalkit.landscape.thresholds import LARGEST, SMALLEST, Judge, NotMonotoneError, Trial, breakpoints, critical


@dataclass(frozen=True)
class Step:
    """From `value` on, up to the next step: `passed` of `graded` runs."""

    value: float
    passed: int
    graded: int

    @property
    def rate(self) -> float:
        """0 where no run was graded."""
        return self.passed / self.graded if self.graded else 0.0


@dataclass(frozen=True)
class Curve:
    """The whole empirical distribution along one knob, all other knobs fixed."""

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

    @property
    def is_limit(self) -> bool:
        """Whether it is a budget; else it is a tolerance."""
        return self.knob in LIMITS

    def place(self, value: float) -> int:
        """The index of the step that a value lies on."""
        return max(bisect_right([step.value for step in self.steps], value) - 1, 0)

    def step(self, value: float) -> Step:
        """What is true at a value."""
        return self.steps[self.place(value)]


class Nest:
    """Rollouts under one set of limits, and every nested knob that can be turned on them without sampling."""

    def __init__(self, top: Entry) -> None:
        """`top`: a finished cell; its limits bound what is known."""
        node = top.config.task
        self.trials = [Trial.of(run) for run in sorted(top.runs, key=lambda run: run.number)]
        self.tolerances = tolerance_knobs(node, top.task)
        self.judge = Judge(node, self.tolerances)
        self.limits = {knob: limit_value(top.limits, knob) for knob in LIMITS}
        values = zip(self.tolerances, map(float, self.judge.values()), strict=True)
        self.base: dict[str, float] = {**self.limits, **dict(values)}
        """Every nested knob at its value in the top cell."""
        self._whole = [isinstance(value, int) for value in self.judge.values()]

    @property
    def knobs(self) -> list[str]:
        """Knobs worth a curve: budgets that are set, and every tolerance."""
        return [knob for knob in LIMITS if self.limits[knob] < math.inf] + self.tolerances

    def curve(self, knob: str, at: Mapping[str, float]) -> Curve:
        """The pass rate along `knob`; the others at their values in `at`, or else in the top cell.

        Raises `NotMonotoneError` for a task whose `judge` breaks its contract.
        """
        others = {name: value for name, value in {**self.base, **at}.items() if name != knob}
        if knob in LIMITS:
            start, end, whole = 1.0, self.limits[knob], True
            needs = [self._limit_needed(trial, knob, others) for trial in self.trials]
        else:
            index = self.tolerances.index(knob)
            start, end = self.judge.domain(index)
            whole = self._whole[index]
            needs = [self._tolerance_needed(trial, index, others, (start, end)) for trial in self.trials]
            if whole:
                start, end = max(1.0, start), math.floor(end)
                needs = [(math.ceil(need) if need < math.inf else need, error) for need, error in needs]
        fine = sorted(need if need <= end else math.inf for need, error in needs if not error)
        steps = _steps(start, end, fine, [need for need, error in needs if error], self._gaps(knob, others))
        return Curve(knob, others, steps, tuple(fine), end, whole)

    def trials_within(self, at: Mapping[str, float]) -> list[Trial]:
        """The trials whose end lies within these limits."""
        return [trial for trial in self.trials if self._within(trial, at)]

    def _within(self, trial: Trial, at: Mapping[str, float]) -> bool:
        return all(trial.reach.of(name) <= value for name, value in at.items() if name in LIMITS)

    def _gaps(self, knob: str, others: Mapping[str, float]) -> list[tuple[float, float]]:
        """Where along the knob, from … to below …, a run is an error because its tokens were not counted."""
        found = []
        for start, end in (gap for trial in self.trials for gap in trial.gaps):
            inside = all(start.of(name) <= value for name, value in others.items() if name in LIMITS)
            past = all(end.of(name) <= value for name, value in others.items() if name in LIMITS)
            if inside and (knob in LIMITS or not past):
                first = start.of(knob) if knob in LIMITS else -math.inf
                found.append((first, end.of(knob) if past else math.inf))
        return found

    def _limit_needed(self, trial: Trial, knob: str, others: Mapping[str, float]) -> tuple[float, bool]:
        """The budget at which the trial passes (or turns into an error), and whether it is an error."""
        if not self._within(trial, others):
            return math.inf, False
        if trial.error:
            return trial.reach.of(knob), True
        passes = trial.measurement is not None and (
            self.judge([others[name] for name in self.tolerances], trial.measurement).passed
        )
        return (trial.reach.of(knob) if passes else math.inf), False

    def _tolerance_needed(
        self, trial: Trial, index: int, others: Mapping[str, float], domain: tuple[float, float]
    ) -> tuple[float, bool]:
        """The smallest tolerance with which the trial passes, and whether it is an error."""
        measurement = trial.measurement
        if not self._within(trial, others):
            return math.inf, False
        if trial.error:
            return domain[0], True
        if measurement is None or measurement.fault:
            return math.inf, False
        values = [others.get(name, 0.0) for name in self.tolerances]

        def grade(value: float) -> bool:
            values[index] = value
            return self.judge(values, measurement).passed

        hints = []
        for value in (domain[0], self.base[self.tolerances[index]], domain[1]):
            values[index] = value
            hints.append(self.judge(values, measurement))
        if hints[0].passed and not hints[-1].passed:
            raise NotMonotoneError
        return critical(grade, breakpoints(hints), *domain), False


def _steps(
    start: float, end: float, needed: Sequence[float], errors: Sequence[float], gaps: Sequence[tuple[float, float]]
) -> tuple[Step, ...]:
    """`errors`: from where on a run is an error and leaves the rate; `gaps`: from where to where."""
    total = len(needed) + len(errors)
    errors = sorted([*errors, *(first for first, _ in gaps)])
    back = sorted(last for _, last in gaps)
    found = []
    for value in sorted({start, *(max(start, need) for need in (*needed, *errors, *back) if need <= end)}):
        graded = total - bisect_right(errors, value) + bisect_right(back, value)
        found.append(Step(value, bisect_right(needed, value), graded))
    return tuple(found)


__all__ = ["LARGEST", "SMALLEST", "Curve", "Nest", "Step"]
