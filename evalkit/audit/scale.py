"""Advice for tolerances without a safe value: tries larger inputs where the task can scale them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.audit.grader_runs import AuditedProblem, GraderRuns
from evalkit.audit.labelled_solutions import Solution
from evalkit.audit.tolerances import Row, ToleranceMap, map_tolerances, window_words
from evalkit.audit.values import flat_weights
from evalkit.audit.verdict import GradedSolution, GraderVerdict, decide
from evalkit.task.author_faults import blamed
from evalkit.task.optional_parts import scaled_of
from evalkit.util.errors import TaskError
from evalkit.util.text import counted

FACTORS = (2, 4, 8, 16)
PROBLEMS = 5
"""That scaled inputs are tried on."""


async def advice(exam: GraderRuns, map_: ToleranceMap, verdict: GraderVerdict) -> tuple[str, ...]:
    """A sentence for every tolerance of an error without a window: the reason, and the input scale that helps."""
    errors = [row for row in map_.rows if row.window is None and not row.falling and row.configured > 0]
    return tuple([await _explain(exam, row, verdict) for row in errors])


async def _explain(exam: GraderRuns, row: Row, verdict: GraderVerdict) -> str:
    floor, ceiling = row.floor, row.ceiling
    assert floor is not None and ceiling is not None  # else there would be a window
    others = [mark.critical for mark in row.marks if mark.right and mark.id != floor.id]
    if all(value < ceiling.critical for value in others) and floor.critical > 1e-6:
        reason = f"only {floor.id} is so inexact, as reduced precision is"
    elif flat := flat_weights(_right_answer(verdict)):
        reason = f"the softmax of {flat} is too flat to show the mistake"
    else:
        reason = "the inputs are too small to show the mistake"
    return f"{row.knob}: {reason}; {await _recommended(exam, row, verdict)}"


def _right_answer(verdict: GraderVerdict) -> Any:
    return next((one.result.attempts[0].answer for one in verdict.right if one.solution.name == "oracle"), None)


async def _recommended(exam: GraderRuns, row: Row, verdict: GraderVerdict) -> str:
    """The smallest tried scale with a window; in proportion where the task cannot scale its inputs."""
    floor, ceiling = row.floor, row.ceiling
    assert floor is not None and ceiling is not None
    if scaled_of(exam.problems[0].spec) is None:
        times = 2 * floor.critical / ceiling.critical
        return f"errors that grow with the inputs need inputs about {times:.2g} times as large (not tried)"
    tried = f"tried on {counted(len(exam.problems[:PROBLEMS]), 'problem')}"
    for factor in FACTORS:
        try:
            scaled = await _scaled(exam, row, verdict, factor)
        except TaskError as error:
            return f"inputs {factor} times as large cannot be tried: {error}"
        if scaled.window:
            return f"inputs {factor} times as large give the window {window_words(scaled)} ({tried})"
    return f"inputs up to {FACTORS[-1]} times as large do not help ({tried})"


async def _scaled(exam: GraderRuns, row: Row, verdict: GraderVerdict, factor: float) -> Row:
    """The row again, for the solutions on it, with larger inputs."""
    asked = [_larger(problem, factor) for problem in exam.problems[:PROBLEMS]]
    small = GraderRuns(exam.task, exam.config, exam.sandbox, asked)
    on_it = {mark.id for mark in row.marks}
    chosen = [one.solution for one in (*verdict.right, *verdict.wrong) if one.solution.id in on_it and _plays(one)]
    reference = await small.sit(_oracle(verdict))
    results = [reference, *await small.sit_all(chosen)]
    rows = map_tolerances(exam.task, exam.config.task, decide(results, reference, asked, frozenset()), asked).rows
    return next((scaled for scaled in rows if scaled.knob == row.knob), row)


def _larger(problem: AuditedProblem, factor: float) -> AuditedProblem:
    larger = scaled_of(problem.spec)
    assert larger is not None
    with blamed("the spec's scaled"):
        return AuditedProblem(problem.run, larger(factor), problem.problem)


def _plays(graded: GradedSolution) -> bool:
    """Whether it can answer other problems than those it was made for."""
    return graded.solution.build is None and graded.solution.name != "oracle"


def _oracle(verdict: GraderVerdict) -> Solution:
    found: Sequence[Solution] = [one.solution for one in verdict.right if one.solution.name == "oracle"]
    return found[0]
