"""Plugins of the earlier form are loaded as those of the present one, and mixtures are refused."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit import Attempt, Grade, GradingContext, Measurement, Problem, UserError
from evalkit.task.earlier_form import present_form


class Earlier:
    judged_by = ("tolerances",)

    def spec(self, seed: int) -> int:
        return seed + 1

    async def measure(self, answer: Any, spec: int, sandbox: Any) -> Measurement:
        return Measurement({"answer": answer, "spec": spec, "sandbox": sandbox})

    def judge(self, measurement: Measurement) -> Grade:
        return Grade(measurement.values["answer"] == 1, "said")


async def test_a_class_with_judge_gets_the_present_methods() -> None:
    task = present_form(Earlier)()
    spec = task.spec(Problem.seeded(6))
    context: Any = GradingContext("box")  # type: ignore[arg-type]
    found = await task.measure(Attempt(1), spec, context)
    assert found.values == {"answer": 1, "spec": 7, "sandbox": "box"}
    assert task.grade(found).passed and task.graded_by == ("tolerances",)


def test_it_keeps_its_name_and_its_place_so_that_errors_quote_the_author() -> None:
    found = present_form(Earlier)
    assert (found.__module__, found.__qualname__) == (Earlier.__module__, Earlier.__qualname__)
    assert issubclass(found, Earlier)


def test_a_class_in_the_present_form_stays_itself() -> None:
    class Present:
        def grade(self, measurement: Measurement) -> Grade:
            return Grade(True, "")

    assert present_form(Present) is Present


def test_a_class_with_both_is_refused_with_both_lines() -> None:
    class Both(Earlier):
        def grade(self, measurement: Measurement) -> Grade:
            return Grade(True, "")

    with pytest.raises(UserError, match=r"def judge.*def grade.*keep grade"):
        present_form(Both)


def test_a_measure_that_is_not_asynchronous_stays_as_it_is_to_be_refused_by_name() -> None:
    class Slow(Earlier):
        def measure(self, answer: Any, spec: int, sandbox: Any) -> Measurement:  # type: ignore[override]
            return Measurement({})

    assert present_form(Slow).measure is Slow.measure
