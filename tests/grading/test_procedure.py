"""How a rollout is graded: what needs no grader, what a grader finds, and what comes where it raises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evalkit.grading.procedure import Graded, grade, grades_of, measured
from evalkit.rollout.limits import Limits
from evalkit.rollout.record import Ending, Rollout
from evalkit.task.grade import Grade, Measurement
from evalkit.util.errors import SandboxError, TaskError
from tests.builders import rollout, turn

ANSWERED = rollout(turn(100, answer=7), run=3)


class Grader:
    """As much of a task as grading asks for."""

    categories = {"wrong_value": "Wrong value"}  # noqa: RUF012

    def grade(self, measurement: Measurement) -> Grade:
        if measurement.values["value"] == 7:
            return Grade(True, "right")
        return Grade(False, "wrong", measurement.values.get("category", "wrong_value"))


async def value_of(answer: Any) -> Measurement:
    return Measurement({"value": answer})


async def no_grader(answer: Any) -> Measurement:
    raise AssertionError("there is nothing to measure")


async def graded(played: Rollout, measure: Any, **options: Any) -> Graded:
    return await grade(Grader(), played, measure, Limits(max_tokens=2900), limit_s=60, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", [Ending.ERROR, Ending.UNKNOWN])
async def test_a_rollout_that_ended_by_an_error_keeps_it_and_has_no_grade(ending: Ending) -> None:
    ended = Rollout(1, "", "", (), ending=ending, detail="the endpoint is down", traceback="in tool")
    assert await graded(ended, no_grader) == Graded(error="the endpoint is down", traceback="in tool")


async def test_a_rollout_without_a_submission_fails_by_its_ending() -> None:
    found = await graded(Rollout(1, "", "", (), ending=Ending.TOKEN_LIMIT), no_grader)
    assert found.grade == Grade(False, "[LIMIT REACHED] Hit 2900 token limit", "no_submission")


async def test_an_answer_is_measured_and_graded() -> None:
    assert await graded(ANSWERED, value_of) == Graded(Grade(True, "right"), Measurement({"value": 7}))


@pytest.mark.parametrize(
    ("fault", "error", "traceback"),
    [
        (TaskError("the task's measure raised KeyError", "line 3"), "the task's measure raised KeyError", "line 3"),
        (SandboxError("no memory"), "the grader's sandbox failed: no memory", ""),
    ],
)
async def test_a_grader_that_raises_is_an_error_and_no_verdict(fault: Any, error: str, traceback: str) -> None:
    async def raising(answer: Any) -> Measurement:
        raise fault

    assert await graded(ANSWERED, raising) == Graded(error=error, traceback=traceback, fault=fault)


async def test_a_verdict_that_is_none_takes_the_measurement_with_it_and_leaves_the_others() -> None:
    submissions = [rollout(turn(100, answer=value)) for value in (7, "x", 8)]
    found = [await measured(one, value_of, Limits()) for one in submissions]
    odd = replace(found[1], measurement=Measurement({}))  # `grade` raises KeyError
    pairs: list[Any] = [(Grader(), one) for one in (found[0], odd, found[2])]
    right, failed, wrong = await grades_of(pairs, limit_s=60)
    assert (right.grade, wrong.grade) == (Grade(True, "right"), Grade(False, "wrong", "wrong_value"))
    assert (failed.grade, failed.measurement) == (None, None)
    assert "raised KeyError: 'value'" in failed.error and failed.traceback


async def test_a_category_of_its_own_is_an_error_but_for_audits() -> None:
    async def odd(answer: Any) -> Measurement:
        return Measurement({"value": 8, "category": "new_one"})

    assert "new_one" in (await graded(ANSWERED, odd)).error
    assert (await graded(ANSWERED, odd, listed=False)).grade == Grade(False, "wrong", "new_one")
