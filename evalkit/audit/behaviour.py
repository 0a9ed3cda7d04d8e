"""Generated solutions that do the same: of mutants and generic answers that nobody can tell apart, one is counted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.audit.grader_runs import EQUAL, GradedAttempt, Result

RELATIVE = 1e-6
"""Values closer than this are equal: more than the rounding of float32, less than any mistake."""


def distinct(results: Sequence[Result]) -> tuple[list[Result], dict[str, tuple[str, ...]]]:
    """The results without repetitions, in their order; and id → the ids of those that do the same as it.

    Mutants do the same where the grader was given, or measured, the same values on every problem; generic answers
    where they are the same JSON. Solutions that somebody wrote are all kept.
    """
    kept: list[Result] = []
    same: dict[str, list[str]] = {}
    for result in results:
        twin = next((one for one in kept if _repeats(result, one)), None)
        if twin is None:
            kept.append(result)
        else:
            same.setdefault(twin.solution.id, []).append(result.solution.id)
    return kept, {id_: tuple(ids) for id_, ids in same.items()}


def _repeats(result: Result, earlier: Result) -> bool:
    kind = result.solution.kind
    agree = {"mutants": _same_values, "answers": _same_answer}.get(kind)
    if agree is None or earlier.solution.kind != kind or len(result.attempts) != len(earlier.attempts):
        return False
    return all(map(agree, result.attempts, earlier.attempts))


def _same_answer(one: GradedAttempt, other: GradedAttempt) -> bool:
    return _json(one.answer) == _json(other.answer) and one.error == other.error


def _json(answer: Any) -> str:
    return json.dumps(answer, sort_keys=True)


def _same_values(one: GradedAttempt, other: GradedAttempt) -> bool:
    if one.error or other.error:
        return one.error == other.error
    if one.measurement is None or other.measurement is None:  # nothing was submitted
        return one.measurement is other.measurement
    if one.numbers is not None and other.numbers is not None:
        return _close(one.numbers, other.numbers)
    fault = one.measurement.fault
    return fault == other.measurement.fault and _close(one.measurement.values, other.measurement.values)


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_close(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, float) and isinstance(other, float):
        both_undefined = math.isnan(one) and math.isnan(other)
        return both_undefined or math.isclose(one, other, rel_tol=RELATIVE, abs_tol=EQUAL)
    return type(one) is type(other) and bool(one == other)
