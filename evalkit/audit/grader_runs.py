"""Grader runs: every solution is run on every problem and graded as in a launch, once."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import Any, TypeVar

from evalkit.audit import values
from evalkit.audit.findings import Finding
from evalkit.audit.labelled_solutions import KINDS, Solution
from evalkit.audit.scripted_runs import ScriptedRun, play
from evalkit.config.schema import Config
from evalkit.grading.procedure import Graded, Measure, grades_of, measured, measured_answer
from evalkit.rollout.limits import Limits
from evalkit.rollout.record import Ending
from evalkit.sampling.problem_set import problem_set
from evalkit.sandbox.protocol import Sandbox
from evalkit.task import author_code
from evalkit.task.attempt import Attempt
from evalkit.task.author_faults import blamed
from evalkit.task.grade import Grade, Measurement
from evalkit.task.optional_parts import accuracy_of, files_of, measure_many_of, needs_submission_of
from evalkit.task.problem import Problem
from evalkit.task.protocol import Spec, Task
from evalkit.util.errors import SandboxError, TaskError

T = TypeVar("T")

FULL = 2
"""Problems on which a shipped source is graded exactly as in a run, where the task can measure many at once; a made one
on the first only."""
SLOW_S = 3.0
"""A wrong solution that takes longer for a problem plays no other: it waits for a time limit."""
EQUAL = 1e-9
"""Answers that differ by no more are equal, where the prompt states no accuracy."""


@dataclass(frozen=True)
class AuditedProblem:
    """One of the problems that runs would get."""

    run: int
    """The run that gets it (and others, where several runs get the same)."""
    spec: Spec
    problem: Problem = field(default_factory=lambda: Problem.seeded(0))
    """What tools are told of it."""

    @property
    def accuracy(self) -> float:
        """How exact the prompt asks an answer to be."""
        accuracy = accuracy_of(self.spec)
        return EQUAL if accuracy is None else accuracy


@dataclass(frozen=True)
class GradedAttempt:
    """One solution on one problem."""

    run: int
    answer: Any = None
    measurement: Measurement | None = None
    """None where nothing was submitted, or the grader raised."""
    grade: Grade | None = None
    """None where the grader raised."""
    error: str = ""
    """What the grader raised, and where."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Path → content of the files that were graded."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Path → why a file that would have been graded could not be taken."""

    @property
    def passed(self) -> bool:
        """Whether it passed; a grader that raises passes nothing."""
        return self.grade is not None and self.grade.passed

    @property
    def faulty(self) -> bool:
        """Whether it failed before its values were looked at."""
        return self.measurement is None or self.measurement.fault is not None

    @cached_property
    def numbers(self) -> values.Numbers | None:
        """The numbers of the answer."""
        return values.numbers(self.answer)


@dataclass(frozen=True)
class Result:
    """One solution on all problems."""

    solution: Solution
    attempts: tuple[GradedAttempt, ...]
    replies: tuple[str, ...] = ()
    """What tools answered on the first problem."""
    seconds: float = 0.0
    """Wall clock of its first problem."""
    partly: bool = False
    """It did not play every problem: it was slow, or failed on the first ones before its values were looked at."""


def problems(task: Task, config: Config, count: int) -> tuple[list[AuditedProblem], list[Finding]]:
    """The problems of the first `count` runs, equal ones once; and a finding for each run that would get none.

    Of a set: its first `count` problems.
    """
    several = problem_set(config, task).of_size(count)
    found: list[AuditedProblem] = []
    faults: list[Finding] = []
    for run in islice(several.runs(1 if several.several else count), count):
        try:
            spec = author_code.spec_for(task, several.problem(run), disk_mb=config.sandbox.disk_mb)
        except TaskError as error:
            faults.append(Finding("grader-exception", f"spec of run {run}", str(error)))
            continue
        if not any(_same(spec, other.spec) for other in found):
            found.append(AuditedProblem(run, spec, several.problem(run)))
    return found, faults


def _same(one: Spec, other: Spec) -> bool:
    try:
        return one is other or bool(one == other)
    except ValueError:  # arrays do not compare as a whole
        return False


class GraderRuns:
    """Plays and grades. Holds what all solutions share."""

    def __init__(
        self,
        task: Task,
        config: Config,
        sandbox: Sandbox,
        problems: Sequence[AuditedProblem],
        *,
        thorough: bool = False,
    ) -> None:
        self.task, self.config, self.sandbox, self.problems = task, config, sandbox, problems
        self.thorough = thorough
        """Grade every source on every problem as a run would, instead of measuring many at once."""
        self.measured = 0
        """How often the task's `measure` was called."""

    async def sit(self, solution: Solution) -> Result:
        """One solution on all problems."""
        began = time.monotonic()
        full = FULL if solution.kind in KINDS else 1
        attempts: list[GradedAttempt] = []
        waiting: list[tuple[AuditedProblem, ScriptedRun]] = []
        replies: list[str] = []
        seconds = 0.0
        asked = [problem for problem in self.problems if solution.fits(problem.spec)]
        for problem in asked:
            try:
                played = await self._play(solution, problem)
            except TaskError as error:
                attempts.append(GradedAttempt(problem.run, error=str(error)))
                continue
            replies = replies or played.replies
            if len(attempts) < full or not self._many:
                attempts.append(await self._grade(problem, played))
            elif any(attempt.faulty for attempt in attempts):
                break
            else:
                waiting.append((problem, played))
            seconds = seconds or time.monotonic() - began
            if not solution.right and time.monotonic() - began > SLOW_S * len(attempts):
                break
        attempts += await self._grade_waiting(waiting)
        return Result(solution, tuple(attempts), tuple(replies), seconds, len(attempts) < len(asked))

    @property
    def _many(self) -> bool:
        """Whether one source can be measured on many problems together."""
        return measure_many_of(self.task) is not None and not self.thorough

    async def _play(self, solution: Solution, problem: AuditedProblem) -> ScriptedRun:
        """Play a problem in a session of its own, as a run does."""
        with blamed("the task's oracle" if solution.name == "oracle" else "the task's solution"):
            agent = solution.play(self.task, problem.spec)
        timeout = self.config.limits.tool_timeout_s
        async with self.sandbox.session(files=files_of(problem.spec)) as session:
            played = await play(
                agent,
                problem.spec,
                session,
                tool_timeout_s=timeout,
                sandbox=self.sandbox,
                problem=problem.problem,
            )
        if played.rollout.ending is Ending.ERROR:
            detail, traceback = played.rollout.detail, played.rollout.traceback
            raise TaskError(detail, traceback) if traceback else SandboxError(detail)
        return played

    async def _grade(self, problem: AuditedProblem, played: ScriptedRun) -> GradedAttempt:
        found = await measured(
            played.rollout,
            self._measuring(problem, played.attempt),
            Limits(),
            needs_submission=needs_submission_of(problem.spec),
        )
        return await self._judge(problem, played.attempt, found)

    def problem(self, attempt: GradedAttempt) -> AuditedProblem:
        """The one that was attempted."""
        return next(problem for problem in self.problems if problem.run == attempt.run)

    async def again(self, attempt: GradedAttempt) -> GradedAttempt:
        """Measure and grade once more what was graded."""
        same = Attempt(attempt.answer, artifacts=attempt.files, left_out=attempt.left_out)
        return await self.grade(self.problem(attempt), same)

    async def grade(self, problem: AuditedProblem, attempt: Attempt) -> GradedAttempt:
        """Measure and grade an attempt as a run's is."""
        found = await measured_answer(attempt.answer, self._measuring(problem, attempt))
        return await self._judge(problem, attempt, found)

    def _measuring(self, problem: AuditedProblem, attempt: Attempt) -> Measure:
        limit_s = author_code.limit_of(self.config)

        async def measure(answer: Any) -> Measurement:
            self.measured += 1
            return await author_code.measure(self.task, attempt, problem.spec, self.sandbox, limit_s=limit_s)

        return measure

    async def _judge(self, problem: AuditedProblem, attempt: Attempt, found: Graded) -> GradedAttempt:
        return (await self._judge_all([problem], attempt, [found]))[0]

    async def _judge_all(
        self, problems: Sequence[AuditedProblem], attempt: Attempt, found: Sequence[Graded]
    ) -> list[GradedAttempt]:
        """The verdicts; a category that the task does not list is a finding of its own, and so is a grader's fault."""
        pairs = [(self.task, one) for one in found]
        graded = await grades_of(pairs, listed=False, limit_s=author_code.limit_of(self.config))
        if failed := next((one.fault for one in graded if isinstance(one.fault, SandboxError)), None):
            raise failed
        return [
            GradedAttempt(
                problem.run,
                attempt.answer,
                one.measurement,
                one.grade,
                one.error,
                files=attempt.artifacts,
                left_out=attempt.left_out,
            )
            for problem, one in zip(problems, graded, strict=True)
        ]

    async def _grade_waiting(self, waiting: Sequence[tuple[AuditedProblem, ScriptedRun]]) -> list[GradedAttempt]:
        """One source on many problems, measured together if the task knows how."""
        answers = [played.answer for _, played in waiting]
        if any(played.rollout.patterns for _, played in waiting):  # what files each left is not told to `measure_many`
            answers = []
        if not answers or not waiting[0][1].submitted or any(answer != answers[0] for answer in answers):
            return [await self._grade(problem, played) for problem, played in waiting]
        return await self._grade_together([problem for problem, _ in waiting], answers[0])

    async def _grade_together(self, problems: Sequence[AuditedProblem], answer: Any) -> list[GradedAttempt]:
        limit_s = author_code.limit_of(self.config)
        specs = [problem.spec for problem in problems]
        try:
            many = await author_code.measure_many(self.task, answer, specs, self.sandbox, limit_s=limit_s)
        except TaskError as error:
            return [GradedAttempt(problems[0].run, answer, error=str(error))]
        attempts = await self._judge_all(problems, Attempt(answer), [Graded(measurement=one) for one in many])
        failed = next((attempt.error for attempt in attempts if attempt.error), "")
        return [GradedAttempt(problems[0].run, answer, error=failed)] if failed else attempts

    async def sit_all(self, solutions: Sequence[Solution]) -> list[Result]:
        """All solutions, several at a time; results in their order."""
        return await in_parallel([partial(self.sit, solution) for solution in solutions])


async def in_parallel(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Do all jobs, as many at a time as there are cores, begun in their order; results in their order."""
    gate = asyncio.Semaphore(max(2, os.cpu_count() or 1))

    async def one(job: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await job()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(job)) for job in jobs]
    return [task.result() for task in tasks]
