"""The audit's verdict on a grader: which solutions are wrong, how many got the wrong grade, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.audit.findings import Finding
from evalkit.audit.grader_runs import AuditedProblem, GradedAttempt, Result
from evalkit.audit.labelled_solutions import KINDS, Solution
from evalkit.audit.values import difference, distance
from evalkit.task.optional_parts import TaskKind
from evalkit.task.protocol import Task
from evalkit.util.text import counted

EXCUSABLE = ("wrong", "mutants", "answers")
"""Kinds that are wrong by their values alone: where these are right, so are they."""
MADE = ("mutants", "answers")
"""Kinds that nobody looked at."""
NEVER_GOOD = ("not_a_number", "infinite", "huge", "one_not_a_number")
"""Made answers that are good enough for nothing."""


@dataclass(frozen=True)
class GradedSolution:
    """A solution's result, without the problems on which a wrong solution happens to be right."""

    result: Result
    counted: tuple[GradedAttempt, ...]
    """The attempts that say something about the grader."""
    accepted: int
    """How many of these passed."""
    telling: tuple[GradedAttempt, ...]
    """The attempts that say something about a tolerance: of a wrong solution, those with wrong values."""

    @property
    def solution(self) -> Solution:
        """The solution."""
        return self.result.solution

    @property
    def fair(self) -> bool:
        """Whether the grader decided as it should on every problem."""
        return self.accepted == (len(self.counted) if self.solution.right else 0)

    @property
    def categories(self) -> Counter[str]:
        """How often it failed with which category."""
        return Counter(a.grade.category for a in self.counted if a.grade and a.grade.category)

    @property
    def checks(self) -> Mapping[str, float]:
        """Check → the share of problems on which it held; checks that were never made are missing."""
        held: Counter[str] = Counter()
        made: Counter[str] = Counter()
        for attempt in self.counted:
            for check in attempt.grade.checks if attempt.grade else ():
                made[check.name] += 1
                held[check.name] += check.passed
        return {name: held[name] / made[name] for name in made}


@dataclass(frozen=True)
class Count:
    """How many solutions got the wrong verdict on some problem.

    A count and not a rate with an interval: the solutions are not a sample of anything.
    """

    wrong: int
    of: int

    @classmethod
    def over(cls, graded: Sequence[GradedSolution]) -> Count:
        """A solution counts once, whatever the number of problems."""
        return cls(sum(not one.fair for one in graded), len(graded))


@dataclass(frozen=True)
class GraderVerdict:
    """What the exam says about the grader."""

    right: tuple[GradedSolution, ...]
    wrong: tuple[GradedSolution, ...]
    """Wrong solutions, exploits, mutants, generic answers and empty starts."""
    equivalent: tuple[GradedSolution, ...]
    """Meant to be wrong, but right under these settings as far as values tell: listed, not counted."""
    good_enough: tuple[GradedSolution, ...] = ()
    """Made ones that pass where whatever is good enough is right: listed, not counted."""

    @property
    def false_accepts(self) -> Count:
        """Wrong solutions that pass on some problem."""
        return Count.over(self.wrong)

    @property
    def false_rejects(self) -> Count:
        """Right solutions that fail on some problem."""
        return Count.over(self.right)

    @property
    def labelled(self) -> GraderVerdict:
        """Without what was made: of a score nobody knows how much of a change is too much."""
        return replace(self, wrong=tuple(one for one in self.wrong if one.solution.kind not in MADE))


def decide(
    results: Sequence[Result],
    oracle: Result,
    problems: Sequence[AuditedProblem],
    same: frozenset[str],
    kind: TaskKind = "exact",
) -> GraderVerdict:
    """Sort the results. `same`: ids of sources that compute what the reference computes; `kind`: `Task.kind`."""
    reference = {attempt.run: attempt for attempt in oracle.attempts}
    accuracy = {problem.run: problem.accuracy for problem in problems}
    sorted_: dict[str, list[GradedSolution]] = {"right": [], "wrong": [], "equivalent": [], "good_enough": []}
    for result in results:
        solution = result.solution
        far = tuple(
            attempt
            for attempt in result.attempts
            if solution.right or not _as_right(attempt, reference.get(attempt.run), accuracy[attempt.run])
        )
        excusable = solution.kind in EXCUSABLE or solution.constant or _guesses(result, far)
        counted_ = far if excusable else result.attempts
        graded = GradedSolution(result, counted_ or result.attempts, sum(attempt.passed for attempt in counted_), far)
        if solution.right:
            group = "right"
        elif excusable and (not far or solution.id in same):
            group = "equivalent"
        elif kind == "score" and graded.accepted and solution.kind in MADE and solution.name not in NEVER_GOOD:
            group = "good_enough"
        else:
            group = "wrong"
        sorted_[group].append(graded)
    return GraderVerdict(**{name: tuple(found) for name, found in sorted_.items()})


def _as_right(attempt: GradedAttempt, reference: GradedAttempt | None, accuracy: float) -> bool:
    """Whether an attempt is what the reference submitted: numbers as far as the prompt asks, all else exactly."""
    if reference is None or attempt.files != reference.files:
        return False
    if attempt.numbers is not None and reference.numbers is not None:
        return distance(attempt.numbers, reference.numbers) <= accuracy
    return reference.measurement is not None and difference(attempt.answer, reference.answer) <= accuracy


def _guesses(result: Result, far: Sequence[GradedAttempt]) -> bool:
    """Whether an exploit says the same on every problem and happens to be right on some of them.

    One that is right on all has the answer learnt by heart, or found it, and is not excused.
    """
    said = result.attempts[0].answer
    by_chance = 0 < len(far) < len(result.attempts)
    return result.solution.kind == "exploits" and by_chance and all(a.answer == said for a in result.attempts)


def findings(verdict: GraderVerdict, task: Task) -> Iterator[Finding]:
    """Everything that is wrong with the verdicts."""
    yield from _missing(verdict)
    for graded in (*verdict.right, *verdict.wrong):
        yield from _exceptions(graded)
        if not graded.fair:
            yield _unfair(graded)
        yield from _categories(graded, task)
    for graded in (*verdict.equivalent, *verdict.good_enough):
        yield from _exceptions(graded)


def _missing(verdict: GraderVerdict) -> Iterator[Finding]:
    there = Counter(graded.solution.kind for graded in (*verdict.right, *verdict.wrong, *verdict.equivalent))
    for kind in KINDS:
        if not there[kind]:
            yield Finding("nothing-to-check", f"solutions/{kind}", f"the task's folder has no solutions/{kind}/")


def _exceptions(graded: GradedSolution) -> Iterator[Finding]:
    raised = [attempt for attempt in graded.result.attempts if attempt.error]
    if raised:
        where = f"on {counted(len(raised), 'problem')}, first on that of run {raised[0].run}"
        yield Finding("grader-exception", graded.solution.id, f"{raised[0].error} {where}")


def _unfair(graded: GradedSolution) -> Finding:
    solution, tried = graded.solution, len(graded.counted)
    about = f": {solution.about}" if solution.about else ""
    if solution.kind == "starts":
        return Finding("start-passes", solution.id, f"{solution.about} and passes {_of(graded.accepted, tried)}")
    if not solution.right:
        return Finding("false-accept", solution.id, f"passes {_of(graded.accepted, tried)}{about}")
    failed = next(attempt for attempt in graded.counted if not attempt.passed)
    said = failed.grade.message if failed.grade else failed.error
    kind = "oracle-fails" if solution.name == "oracle" else "false-reject"
    return Finding(
        kind, solution.id, f"fails {_of(tried - graded.accepted, tried)}, first that of run {failed.run}: {said[:200]}"
    )


def _of(count: int, all_of: int) -> str:
    return f"{count:,} of {counted(all_of, 'problem')}"


def _categories(graded: GradedSolution, task: Task) -> Iterator[Finding]:
    solution, known = graded.solution, {*task.categories, "no_submission"}
    for category in sorted(set(graded.categories) - known):
        yield Finding("unknown-category", category, f"given to {solution.id}, and not among the task's categories")
    others = {name: count for name, count in graded.categories.items() if name != solution.expect}
    if solution.expect != "any" and others:
        name, count = max(others.items(), key=lambda item: item[1])
        yield Finding(
            "wrong-category",
            solution.id,
            f"gets {name} on {_of(count, len(graded.counted))} where its label says {solution.expect}",
        )
