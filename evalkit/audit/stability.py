"""Stability checks: whether a grade depends on anything but the submission, such as the time or earlier gradings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from evalkit.audit.findings import Finding
from evalkit.audit.grader_runs import SLOW_S, GradedAttempt, GraderRuns, Result, in_parallel
from evalkit.audit.tolerances import ToleranceMap

GRADINGS = 20
"""Of the same submission."""
REORDERED = ("correct", "wrong", "exploits")
"""Kinds that are graded once more in reverse order; mutants and generic answers would add nothing but time."""


@dataclass(frozen=True)
class GradeStability:
    """What was graded again, and what came of it."""

    repeated: tuple[str, ...]
    """Ids of the solutions that were graded `GRADINGS` times."""
    reordered: tuple[str, ...]
    """Ids of the solutions that were graded once more, in reverse order."""
    findings: tuple[Finding, ...]


async def check_stability(
    exam: GraderRuns, results: Sequence[Result], map_: ToleranceMap, *, quick: bool = False
) -> GradeStability:
    """Grade the solutions nearest to the other verdict `GRADINGS` times, and all once more in reverse order.

    `quick`: only the reference so often, as where a grading may cost money.
    """
    submitted = [result for result in results if _submitted(result)]
    chosen = [r for r in submitted if r.solution.id == "correct/oracle"] if quick else _nearest(submitted, map_)
    found = [finding for result in chosen for finding in await _repeat(exam, result)]
    changing = {finding.subject for finding in found}
    again = [result for result in submitted if result.solution.kind in REORDERED and result.seconds < SLOW_S]
    once_more = [partial(exam.again, result.attempts[0]) for result in reversed(again)]
    for result, attempt in zip(reversed(again), await in_parallel(once_more), strict=True):
        if _verdict(attempt) != _verdict(result.attempts[0]) and result.solution.id not in changing:
            said = f"{_verdict(result.attempts[0])} at first, {_verdict(attempt)} after others had been graded"
            found.append(Finding("order-dependent", result.solution.id, said))
    return GradeStability(_ids(chosen), _ids(again), tuple(found))


def _ids(results: Sequence[Result]) -> tuple[str, ...]:
    return tuple(result.solution.id for result in results)


def _nearest(results: Sequence[Result], map_: ToleranceMap) -> list[Result]:
    """The reference, for every tolerance the least exact right and the nearest wrong solution, and one that fails."""
    marks = [mark for row in map_.rows for mark in (row.floor, row.ceiling) if mark]
    wanted = {"correct/oracle", *(mark.id for mark in marks)}
    wanted |= {next((r.solution.id for r in results if not r.attempts[0].passed and r.seconds < SLOW_S), "")}
    return [result for result in results if result.solution.id in wanted]


async def _repeat(exam: GraderRuns, result: Result) -> Iterator[Finding]:
    first = result.attempts[0]
    once_more = [partial(exam.again, first)] * (GRADINGS - 1)
    verdicts = Counter(map(_verdict, [first, *await in_parallel(once_more)]))
    if len(verdicts) == 1:
        return iter(())
    listed = ", ".join(f"{count} times {words}" for words, count in verdicts.most_common())
    return iter([Finding("changing-verdict", result.solution.id, f"of {GRADINGS} gradings: {listed}")])


def _submitted(result: Result) -> bool:
    first = result.attempts[0]
    return first.measurement is not None or bool(first.error)


def _verdict(attempt: GradedAttempt) -> str:
    if attempt.passed:
        return "passed"
    return f"failed ({attempt.grade.category if attempt.grade else attempt.error})"
