"""The tolerance map: for every tolerance, which values let all right solutions pass and no wrong one.

A critical tolerance is the smallest value of one knob at which a submission passes, all other knobs as configured;
`evalkit.landscape.thresholds` finds it exactly by bisection over `grade`. Below the largest critical tolerance of the
right solutions something right fails; from the smallest one of the wrong solutions on something wrong passes.
Between the two is the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.audit.findings import Finding
from evalkit.audit.grader_runs import AuditedProblem, GradedAttempt
from evalkit.audit.verdict import GradedSolution, GraderVerdict
from evalkit.landscape.thresholds import KnobGrader, breakpoints, critical
from evalkit.task.author_faults import raising_line
from evalkit.task.grade import Grade
from evalkit.task.optional_parts import accuracy_of
from evalkit.task.protocol import Task
from evalkit.util.dotted import numbers
from evalkit.util.errors import TaskError

EXACT = 1e-9
"""A wrong solution that passes below this is not wrong in what the tolerance is about: no value of it could tell."""
NARROW = 2.0
"""A window whose ends are not farther apart than by this factor is worth a warning."""


@dataclass(frozen=True)
class Mark:
    """One solution on the map of one tolerance."""

    id: str
    right: bool
    critical: float
    """Of a right solution the largest over all problems, of a wrong one the smallest; infinite: it never passes."""
    run: int
    """On whose problem."""


@dataclass(frozen=True)
class Row:
    """One tolerance."""

    knob: str
    configured: float
    promised: float | None
    """The accuracy that the prompt states."""
    marks: tuple[Mark, ...]
    """Solutions for which this tolerance decides."""
    always: tuple[str, ...]
    """Wrong solutions that are exact in what this tolerance is about, and pass at every value."""
    never: int
    """Wrong solutions that pass at no value: others of the task's rules stop them."""

    @property
    def floor(self) -> Mark | None:
        """The least exact right solution: the tolerance must not be smaller than what it needs."""
        return max((mark for mark in self.marks if mark.right), key=lambda mark: mark.critical, default=None)

    @property
    def ceiling(self) -> Mark | None:
        """The wrong solution that is nearest to passing: the tolerance must be smaller than what it needs."""
        return min((mark for mark in self.marks if not mark.right), key=lambda mark: mark.critical, default=None)

    @property
    def window(self) -> tuple[float, float] | None:
        """Smallest and largest safe value (the end excluded); None if there is none. Infinite: open at that end."""
        low = self.floor.critical if self.floor and self.floor.critical > EXACT else 0.0
        high = self.ceiling.critical if self.ceiling else math.inf
        return (low, high) if low < high else None

    @property
    def safe(self) -> bool:
        """Whether the configured value lies in the window."""
        return self.window is not None and self.window[0] <= self.configured < self.window[1]


@dataclass(frozen=True)
class ToleranceMap:
    """All tolerances of a task."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...]


def knobs(task: Task, node: Mapping[str, Any]) -> list[str]:
    """`task.tolerances.output`, …: every number among the knobs that only `grade` reads."""
    return [name for knob in task.graded_by if knob in node for name, _ in numbers(node[knob], f"task.{knob}")]


def map_tolerances(
    task: Task, node: Mapping[str, Any], verdict: GraderVerdict, problems: Sequence[AuditedProblem]
) -> ToleranceMap:
    """Map every tolerance."""
    names = knobs(task, node)
    rows: list[Row] = []
    found: list[Finding] = []
    for index, name in enumerate(names):
        try:
            axis = _Axis(node, names, index)
        except TaskError as error:
            found.append(Finding("grader-exception", name, _raised(name, error)))
            continue
        row = axis.row(name, verdict, problems[0])
        found += axis.findings
        rows += [row] if axis.whole_to_the_top else []
    for row in rows:
        if row.promised is not None and row.configured < row.promised and row.marks:
            found.append(
                Finding("too-tight", row.knob, f"{row.configured:g} is less than the {row.promised:g} that is promised")
            )
    return ToleranceMap(tuple(rows), tuple(w for row in rows for w in _warnings(row)), tuple(found))


class _Axis:
    """One knob, the others as configured."""

    def __init__(self, node: Mapping[str, Any], names: Sequence[str], index: int) -> None:
        self._grader = KnobGrader(node, [names[index]])
        (self.configured,) = self._grader.values()
        self._low, self._high = self._grader.domain(0)
        self._counts = isinstance(self.configured, int)
        self._raised_at: float | None = None
        self.whole_to_the_top = True
        """Whether `grade` gave a verdict at every looser value that was tried: else nothing is known of it."""
        self.findings: list[Finding] = []

    def row(self, name: str, verdict: GraderVerdict, problem: AuditedProblem) -> Row:
        """All solutions along this axis."""
        marks, always, never = [], [], 0
        for graded in (*verdict.right, *verdict.wrong):
            mark = self._mark(graded)
            if mark is None:
                continue
            if mark.critical == math.inf:
                never += not mark.right
            elif mark.critical <= EXACT and not mark.right:
                always.append(mark.id)
            else:
                marks.append(mark)
        promised = accuracy_of(problem.spec)
        return Row(name, float(self.configured), promised, tuple(marks), tuple(always), never)

    def _mark(self, graded: GradedSolution) -> Mark | None:
        """The extreme critical value over all problems; most are settled by one call at the extreme so far."""
        right = graded.solution.right
        extreme, run = (self._low if right else math.inf), 0
        telling = [attempt for attempt in graded.telling if not attempt.faulty]
        for attempt in telling[:1]:
            self._check_monotone(attempt, graded.solution.id)
        for attempt in telling:
            if self._settled(right, extreme, attempt):
                continue
            value = self._critical(attempt)
            if value > extreme if right else value < extreme:
                extreme, run = value, attempt.run
        return Mark(graded.solution.id, right, extreme, run) if telling else None

    def _settled(self, right: bool, extreme: float, attempt: GradedAttempt) -> bool:
        """Whether an attempt cannot move the extreme, as far as one call of `grade` tells."""
        if right:
            return extreme == math.inf or self._passes(extreme, attempt)
        return not self._passes(self._high if extreme == math.inf else math.nextafter(extreme, 0.0), attempt)

    def _passes(self, value: float, attempt: GradedAttempt) -> bool:
        grade = self._grade(max(value, self._low), attempt)
        return grade is not None and grade.passed

    def _grade(self, value: float, attempt: GradedAttempt) -> Grade | None:
        """The grade at one value, a whole number where the config wants one; None where `grade` raises: a finding."""
        assert attempt.measurement is not None
        given = math.floor(value) if self._counts else value
        try:
            return self._grader((given,), attempt.measurement)
        except TaskError as error:
            (name,) = self._grader.knobs
            if self._raised_at is None:
                self._raised_at = value
                self.findings.append(Finding("grader-exception", name, _raised(f"at {name}={value:.3g}", error)))
            self.whole_to_the_top &= value < self.configured
            return None

    def _critical(self, attempt: GradedAttempt) -> float:
        """Exact, by bisection over `grade`."""
        return critical(lambda value: self._passes(value, attempt), self._hints(attempt), self._low, self._high)

    def _hints(self, attempt: GradedAttempt) -> list[float]:
        """Values at which the verdict may change."""
        grade = self._grade(float(self.configured), attempt)
        found = breakpoints([grade] if grade else [])
        return [value for value in found if self._low <= value <= self._high]

    def _check_monotone(self, attempt: GradedAttempt, solution: str) -> None:
        """A pass must stay one at every looser value; a verdict that does not is a finding."""
        line = [self._low, *self._hints(attempt), float(self.configured), self._high]
        verdicts = [self._passes(value, attempt) for value in sorted(line)]
        if verdicts != sorted(verdicts) and self._raised_at is None:
            self.findings.append(
                Finding(
                    "not-monotone",
                    self._grader.knobs[0],
                    f"{solution} on the problem of run {attempt.run} passes at one value and fails at a looser one",
                )
            )


def _warnings(row: Row) -> Iterator[str]:
    """Where the window is missing, missed or narrow."""
    floor, ceiling, window = row.floor, row.ceiling, row.window
    if window is None and floor and ceiling:
        yield (
            f"{row.knob} has no safe value: {floor.id} needs {floor.critical:.3g} to pass, and {ceiling.id} passes "
            f"from {ceiling.critical:.3g} on"
        )
    elif window and not row.safe and (row.marks or row.always):
        yield f"{row.knob}={row.configured:g} lies outside its safe window, {window_words(row)}"
    elif window and ceiling and floor and window[1] < NARROW * window[0]:
        yield f"{row.knob} has a narrow safe window, {window_words(row)}"


def _raised(where: str, error: TaskError) -> str:
    """What the task's code raised and where, with the author's line."""
    line = raising_line(error)
    return f"{where}: {error}{f': {line!r}' if line else ''}"


def need(mark: Mark) -> str:
    """What a solution needs to pass, as a number; 0 for any value."""
    return "0" if mark.critical <= EXACT else f"{mark.critical:.3g}"


def window_words(row: Row) -> str:
    """`1.2e-06 … 0.104`, one end open where nothing bounds it."""
    if row.window is None:
        return "none"
    low, high = row.window
    if high == math.inf:
        return f"from {low:.3g} on" if low else "any value"
    return f"{low:.3g} … {high:.3g}"
