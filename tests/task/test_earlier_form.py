"""Task classes of the earlier form are adapted where they are loaded, and mixtures of both forms are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from evalkit import Attempt, Grade, GradingContext, Measurement, Problem, UserError
from evalkit.audit.labelled_solutions import solutions
from evalkit.task.earlier_form import present_form


@dataclass
class Knobs:
    tolerances: float


class Earlier:
    Config = Knobs
    judged_by: Any = ("tolerances",)

    def spec(self, seed: int) -> int:
        return seed + 1

    async def measure(self, answer: Any, spec: int, sandbox: Any) -> Measurement:
        return Measurement({"answer": answer, "spec": spec, "sandbox": sandbox})

    async def measure_many(self, answer: Any, specs: list[int], sandbox: Any) -> list[Measurement]:
        return [await self.measure(answer, self.spec(one), sandbox) for one in specs]

    def judge(self, measurement: Measurement) -> Grade:
        return Grade(measurement.values["answer"] == 1, "said")


class Present:
    graded_by = ("tolerances",)

    def spec(self, problem: Problem) -> int:
        return problem.seed

    async def measure(self, attempt: Attempt, spec: int, context: GradingContext) -> Measurement:
        return Measurement({"answer": attempt.answer})

    def grade(self, measurement: Measurement) -> Grade:
        return Grade(True, "")


async def test_a_class_with_judge_gets_the_present_methods() -> None:
    task = present_form(Earlier)()
    spec = task.spec(Problem.seeded(6))
    context: Any = GradingContext("box")  # type: ignore[arg-type]
    found = await task.measure(Attempt(1), spec, context)
    assert found.values == {"answer": 1, "spec": 7, "sandbox": "box"}
    assert task.grade(found).passed and task.graded_by == ("tolerances",)


async def test_it_may_go_on_calling_its_own_methods_as_it_wrote_them() -> None:
    (found,) = await present_form(Earlier)().measure_many(1, [6], "box")
    assert found.values == {"answer": 1, "spec": 7, "sandbox": "box"}


def test_it_keeps_its_name_and_its_place_so_that_errors_quote_the_author() -> None:
    found = present_form(Earlier)
    assert (found.__module__, found.__qualname__) == (Earlier.__module__, Earlier.__qualname__)
    assert issubclass(found, Earlier)


def test_a_class_in_the_present_form_stays_itself() -> None:
    assert present_form(Present) is Present


def test_solutions_in_the_folder_of_the_earlier_name_are_exploits(tmp_path: Any) -> None:
    for folder, name in (("cheats", "old"), ("exploits", "new")):
        (tmp_path / "solutions" / folder).mkdir(parents=True)
        (tmp_path / "solutions" / folder / f"{name}.py").write_text("# says 1\n1\n")
    assert [solution.id for solution in solutions(tmp_path)] == ["exploits/new", "exploits/old"]


class BothVerdicts(Earlier):
    def grade(self, measurement: Measurement) -> Grade:
        return Grade(True, "")


class BothKnobs(Earlier):
    graded_by = ("tolerances",)


class JudgeOfAProblem(Earlier):
    def spec(self, problem: Problem) -> int:  # type: ignore[override]
        return 1


class JudgeOfAnAttempt(Earlier):
    async def measure(self, attempt: Attempt, spec: int, context: Any) -> Measurement:  # type: ignore[override]
        return Measurement({})


class GradeOfASeed(Present):
    def spec(self, seed: int) -> int:  # type: ignore[override]
        return 1


class GradeOfAnAnswer(Present):
    async def measure(self, answer: Any, spec: int, sandbox: Any) -> Measurement:  # type: ignore[override]
        return Measurement({})


class EarlierKnobs:
    judged_by = ("tolerances",)
    grade = Present.grade


class JudgeOfNothing(Earlier):
    def judge(self) -> Grade:  # type: ignore[override]
        return Grade(True, "")


class SpecOfTwo(Earlier):
    def spec(self, seed: int, run: int) -> int:  # type: ignore[override]
        return 1


class MeasureOfTwo(Earlier):
    async def measure(self, answer: Any, spec: int) -> Measurement:  # type: ignore[override]
        return Measurement({})


class PlainMeasure(Earlier):
    def measure(self, answer: Any, spec: int, sandbox: Any) -> Measurement:  # type: ignore[override]
        return Measurement({})


class NoFunction(Earlier):
    spec: Any = 3


class NoMeasure:
    judge = Earlier.judge
    spec = Earlier.spec


class TextForKnobs(Earlier):
    judged_by = "tolerances"


class UnknownKnob(Earlier):
    judged_by = ("tolerance",)


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        (BothVerdicts, r'"def judge\(self, measurement.*"def grade\(self, measurement.*delete judge'),
        (BothKnobs, r'"judged_by: Any = .*"graded_by = .*delete judged_by'),
        (JudgeOfAProblem, r'"def judge\(.*"def spec\(self, problem.*rename judge to grade'),
        (JudgeOfAnAttempt, r'"def judge\(.*"async def measure\(self, attempt.*rename judge to grade'),
        (GradeOfASeed, r'"def spec\(self, seed.*earlier form: write `spec\(self, problem\)`'),
        (GradeOfAnAnswer, r'"async def measure\(self, answer.*write `measure\(self, attempt, spec, context\)`'),
        (EarlierKnobs, r'"judged_by = .*rename it to graded_by'),
        (JudgeOfNothing, r'"def judge\(self\).*takes other arguments.*`def judge\(self, measurement\)`'),
        (SpecOfTwo, r'"def spec\(self, seed: int, run.*takes other arguments'),
        (MeasureOfTwo, r'"async def measure\(self, answer: Any, spec: int\).*takes other arguments'),
        (PlainMeasure, r'"def measure\(self, answer.*must be asynchronous'),
        (NoFunction, r'"spec: Any = 3" .*is no function'),
        (NoMeasure, r'"class NoMeasure:" .*lacks measure'),
        (TextForKnobs, r'"judged_by = "tolerances"" .*is str'),
        (UnknownKnob, r"\"judged_by = .*names 'tolerance'.*\"class Knobs:\""),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_mixture_or_a_mistake_is_answered_with_its_authors_own_line(plugin: type, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        present_form(plugin)
    assert "\n" not in str(caught.value) and "test_earlier_form.py:" in str(caught.value)
