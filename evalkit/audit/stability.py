"""Whether a verdict depends on anything but the submission: on the hour, or on what was graded before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.audit.exam import Exam, Problem, Result
from evalkit.audit.findings import Finding

GRADINGS = 20
"""Of the same submission."""


@dataclass(frozen=True)
class Stability:
    """What was graded again, and what came of it."""

    repeated: tuple[str, ...]
    """Ids of the solutions that were graded `GRADINGS` times."""
    reordered: int
    """Solutions that were graded once more, in reverse order."""
    findings: tuple[Finding, ...]


async def check(exam: Exam, results: Sequence[Result]) -> Stability:
    """Grade one solution of every verdict `GRADINGS` times, and all of them once more in reverse order."""
    problem = exam.problems[0]
    quick = [result for result in results if not result.cut_short and _submitted(result)]
    chosen = _one_of_each(quick)
    found = [finding for result in chosen for finding in await _repeat(exam, problem, result)]
    for result in reversed(quick):
        again = await exam.grade(problem, _answer(result))
        if _verdict(again) != _verdict(result.attempts[0]):
            found.append(
                Finding(
                    "order-dependent",
                    result.solution.id,
                    f"{_words(result.attempts[0])} at first, {_words(again)} after others had been graded",
                )
            )
    changing = {finding.subject for finding in found if finding.kind == "changing-verdict"}
    kept = [f for f in found if f.kind == "changing-verdict" or f.subject not in changing]
    return Stability(tuple(result.solution.id for result in chosen), len(quick), tuple(kept))


def _one_of_each(results: Sequence[Result]) -> list[Result]:
    """The first solution that passes, and the first of every failure category."""
    first: dict[Any, Result] = {}
    for result in results:
        first.setdefault(_verdict(result.attempts[0]), result)
    return list(first.values())


async def _repeat(exam: Exam, problem: Problem, result: Result) -> Iterator[Finding]:
    verdicts = Counter({_words(result.attempts[0]): 1})
    for _ in range(GRADINGS - 1):
        verdicts[_words(await exam.grade(problem, _answer(result)))] += 1
    if len(verdicts) == 1:
        return iter(())
    listed = ", ".join(f"{count} times {words}" for words, count in verdicts.most_common())
    return iter([Finding("changing-verdict", result.solution.id, f"of {GRADINGS} gradings: {listed}")])


def _submitted(result: Result) -> bool:
    first = result.attempts[0]
    return first.measurement is not None or bool(first.error)


def _answer(result: Result) -> Any:
    return result.attempts[0].answer


def _verdict(attempt: Any) -> tuple[bool, str | None]:
    return attempt.passed, attempt.grade.category if attempt.grade else attempt.error


def _words(attempt: Any) -> str:
    passed, why = _verdict(attempt)
    return "passed" if passed else f"failed ({why})"
