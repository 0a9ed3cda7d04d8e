"""Which sources that pass compute what the reference computes, told by values on inputs of their own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from evalkit.audit.generic import function_in
from evalkit.audit.grader_runs import GraderRuns, Result, in_parallel
from evalkit.audit.values import distance, numbers
from evalkit.audit.verdict import EXCUSABLE
from evalkit.task import author_code
from evalkit.task.optional_parts import values_of


async def same_functions(exam: GraderRuns, results: Sequence[Result], reference: Result) -> frozenset[str]:
    """Ids of accepted sources whose values agree with the reference's as far as the prompt asks.

    Only for tasks whose answer is a function, and that have `values(answer, spec, sandbox)`: what a submission
    computes on inputs that have nothing to do with the hidden ones. Weak hidden inputs can not hide there.
    """
    answer = reference.attempts[0].answer
    if values_of(exam.task) is None or not function_in(answer):
        return frozenset()
    problem = exam.problems[0]
    limit_s = author_code.limit_of(exam.config)

    async def compute(answer: Any) -> Any:
        return await author_code.values(exam.task, answer, problem.spec, exam.sandbox, limit_s=limit_s)

    right = numbers(await compute(answer))
    doubtful = [
        result
        for result in results
        if result.solution.kind in EXCUSABLE and any(attempt.passed for attempt in result.attempts)
    ]
    found = await in_parallel([partial(compute, result.attempts[0].answer) for result in doubtful])
    return frozenset(
        result.solution.id
        for result, values in zip(doubtful, found, strict=True)
        if distance(numbers(values), right) <= problem.accuracy
    )
