"""The tolerance map: for every tolerance, which values let all right solutions pass and no wrong one.

A critical tolerance is the strictest value of one knob at which a submission passes: of a knob that loosens upwards
(`at_most`) the smallest, of one that loosens downwards (`at_least`) the largest. All other knobs are as configured;
`evalkit.landscape.thresholds` finds it exactly by bisection over `grade`. A value stricter than the critical one of a
right solution fails it; a value as loose as the critical one of a wrong solution passes it. Between is the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.audit.findings import Finding
from evalkit.audit.grader_runs import AuditedProblem, GradedAttempt
from evalkit.audit.verdict import GradedSolution, GraderVerdict
from evalkit.landscape.directions import line_of, turned
from evalkit.landscape.thresholds import KnobGrader, breakpoints, critical
from evalkit.task.author_faults import raising_line
from evalkit.task.grade import Grade
from evalkit.task.optional_parts import accuracy_of
from evalkit.task.protocol import Task
from evalkit.util.dotted import numbers
from evalkit.util.errors import TaskError
from evalkit.util.suggestions import suggestion

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
    """Of a right solution the loosest over all problems, of a wrong one the strictest; infinite: it never passes."""
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

    falling: bool = False
    """Whether a smaller value is looser (`at_least`)."""

    def place(self, value: float) -> float:
        """Where a value lies on a line that ascends from strict to loose."""
        return turned(value) if self.falling else value

    @property
    def floor(self) -> Mark | None:
        """The least exact right solution: the tolerance must not be stricter than what it needs."""
        right = (mark for mark in self.marks if mark.right)
        return max(right, key=lambda mark: self.place(mark.critical), default=None)

    @property
    def ceiling(self) -> Mark | None:
        """The wrong solution that is nearest to passing: the tolerance must be stricter than what it needs."""
        wrong = (mark for mark in self.marks if not mark.right)
        return min(wrong, key=lambda mark: self.place(mark.critical), default=None)

    @property
    def window(self) -> tuple[float, float] | None:
        """Smallest and largest safe value; None if there is none. Infinite: open at that end.

        The end at which a wrong solution passes is excluded: the largest, or of a falling knob the smallest.
        """
        low = -math.inf if self.falling or self.configured < 0 else 0.0
        if self.floor and not self.exact(self.floor.critical):
            low = self.place(self.floor.critical)
        high = self.place(self.ceiling.critical) if self.ceiling else math.inf
        if low >= high:
            return None
        return (turned(high), turned(low)) if self.falling else (low, high)

    def exact(self, critical: float) -> bool:
        """Whether whoever passes from there on is exact in what the tolerance is about: an error that is 0."""
        return not self.falling and self.configured >= 0 and 0 <= critical <= (EXACT if self.configured else 0)

    @property
    def safe(self) -> bool:
        """Whether the configured value lies in the window."""
        if self.window is None:
            return False
        strict, loose = sorted(map(self.place, self.window))
        return strict <= self.place(self.configured) < loose


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
    for name in names:
        try:
            axis = _Axis(node, name, verdict)
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
    found += _unknown_knobs(names, verdict)
    return ToleranceMap(tuple(rows), tuple(w for row in rows for w in _warnings(row)), tuple(found))


def _unknown_knobs(names: Sequence[str], verdict: GraderVerdict) -> Iterator[Finding]:
    """Knobs that checks name and the map does not have: their directions would be lost."""
    attempts = [attempt for graded in (*verdict.right, *verdict.wrong) for attempt in graded.result.attempts]
    checks = (check for attempt in attempts if attempt.grade for check in attempt.grade.checks)
    named = {check.knob: check.name for check in checks if check.knob is not None}
    for knob, check in named.items():
        if f"task.{knob}" not in names:
            known = [name.removeprefix("task.") for name in names]
            yield Finding("unknown-knob", knob, f"the check {check} names it{suggestion(knob, known)}")


class _Axis:
    """One knob, the others as configured. Its values are places on a line from strict to loose."""

    def __init__(self, node: Mapping[str, Any], knob: str, verdict: GraderVerdict) -> None:
        self._grader = KnobGrader(node, [knob])
        (self.configured,) = self._grader.values()
        attempts = [attempt for graded in (*verdict.right, *verdict.wrong) for attempt in graded.telling]
        found = (attempt.measurement for attempt in attempts if not attempt.faulty)
        self._line = line_of(self._grader, 0, [measurement for measurement in found if measurement])
        self._low, self._high = self._line.low, self._line.high
        self._counts = isinstance(self.configured, int)
        self._raised_at: float | None = None
        self.whole_to_the_top = True
        """Whether `grade` gave a verdict at every looser value that was tried: else nothing is known of it."""
        self.findings: list[Finding] = []

    def row(self, name: str, verdict: GraderVerdict, problem: AuditedProblem) -> Row:
        """All solutions along this axis."""
        promised = None if self._line.falling else accuracy_of(problem.spec)
        row = Row(name, float(self.configured), promised, (), (), 0, self._line.falling)
        marks, always, never = [], [], 0
        for graded in (*verdict.right, *verdict.wrong):
            mark = self._mark(graded)
            if mark is None:
                continue
            if math.isinf(mark.critical):
                never += not mark.right
            elif not mark.right and (row.exact(mark.critical) or row.place(mark.critical) <= self._low):
                always.append(mark.id)
            else:
                marks.append(mark)
        return replace(row, marks=tuple(marks), always=tuple(always), never=never)

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
            place = self._critical(attempt)
            if place > extreme if right else place < extreme:
                extreme, run = place, attempt.run
        return Mark(graded.solution.id, right, self._line.turned(extreme), run) if telling else None

    def _settled(self, right: bool, extreme: float, attempt: GradedAttempt) -> bool:
        """Whether an attempt cannot move the extreme, as far as one call of `grade` tells."""
        if right:
            return extreme == math.inf or self._passes(extreme, attempt)
        return not self._passes(self._high if extreme == math.inf else math.nextafter(extreme, -math.inf), attempt)

    def _passes(self, place: float, attempt: GradedAttempt) -> bool:
        grade = self._grade(max(place, self._low), attempt)
        return grade is not None and grade.passed

    def _grade(self, place: float, attempt: GradedAttempt) -> Grade | None:
        """The grade at one place, a whole number where the config wants one; None where `grade` raises: a finding."""
        assert attempt.measurement is not None
        value = self._line.turned(place)
        if self._counts:
            value = math.ceil(value) if self._line.falling else math.floor(value)
        try:
            return self._grader((value,), attempt.measurement)
        except TaskError as error:
            (name,) = self._grader.knobs
            if self._raised_at is None:
                self._raised_at = place
                at = self._line.turned(place)
                self.findings.append(Finding("grader-exception", name, _raised(f"at {name}={at:.3g}", error)))
            self.whole_to_the_top &= place < self._here
            return None

    @property
    def _here(self) -> float:
        return self._line.turned(float(self.configured))

    def _critical(self, attempt: GradedAttempt) -> float:
        """Exact, by bisection over `grade`."""
        return critical(lambda place: self._passes(place, attempt), self._hints(attempt), self._low, self._high)

    def _hints(self, attempt: GradedAttempt) -> list[float]:
        """Places at which the verdict may change."""
        grade = self._grade(self._here, attempt)
        grades = [grade] if grade else []
        found = self._line.hints(grades) if self._line.signed else breakpoints(grades)
        return [place for place in found if self._low <= place <= self._high]

    def _check_monotone(self, attempt: GradedAttempt, solution: str) -> None:
        """A pass must stay one at every looser value; a verdict that does not is a finding."""
        places = [self._low, *self._hints(attempt), self._here, self._high]
        verdicts = [self._passes(place, attempt) for place in sorted(places)]
        if verdicts == sorted(verdicts) or self._raised_at is not None:
            return
        looser = "looser, that is smaller, one" if self._line.falling else "looser one"
        said = f"{solution} on the problem of run {attempt.run} passes at one value and fails at a {looser}"
        self.findings.append(Finding("not-monotone", self._grader.knobs[0], said))


def _warnings(row: Row) -> Iterator[str]:
    """Where the window is missing, missed or narrow."""
    floor, ceiling, window = row.floor, row.ceiling, row.window
    if window is None and floor and ceiling:
        ends = [f"{mark.critical:.3g}" for mark in (floor, ceiling)]
        needs, passes = (f"{ends[0]} or less", f"up to {ends[1]}") if row.falling else (ends[0], f"from {ends[1]} on")
        yield f"{row.knob} has no safe value: {floor.id} needs {needs} to pass, and {ceiling.id} passes {passes}"
    elif window and not row.safe and (row.marks or row.always):
        yield f"{row.knob}={row.configured:g} lies outside its safe window, {window_words(row)}"
    elif window and ceiling and floor and not row.falling and 0 < window[1] < NARROW * window[0]:
        yield f"{row.knob} has a narrow safe window, {window_words(row)}"


def _raised(where: str, error: TaskError) -> str:
    """What the task's code raised and where, with the author's line."""
    line = raising_line(error)
    return f"{where}: {error}{f': {line!r}' if line else ''}"


def need(mark: Mark, row: Row) -> str:
    """What a solution needs to pass, as a number; 0 for any value."""
    return "0" if row.exact(mark.critical) else f"{mark.critical:.3g}"


def window_words(row: Row) -> str:
    """`1.2e-06 … 0.104`, one end open where nothing bounds it; `above 4 up to 6` of a knob that loosens downwards."""
    if row.window is None:
        return "none"
    low, high = row.window
    if math.isinf(high) and (math.isinf(low) or (low == 0 and row.exact(0.0))):
        return "any value"
    if row.falling:
        return " ".join([*([] if math.isinf(low) else [f"above {low:.3g}"]), *_up_to(high)])
    if math.isinf(low):
        return f"below {high:.3g}"
    return f"from {low:.3g} on" if high == math.inf else f"{low:.3g} … {high:.3g}"


def _up_to(high: float) -> list[str]:
    return [] if math.isinf(high) else [f"up to {high:.3g}"]
