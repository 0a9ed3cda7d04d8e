"""`evalkit.testing`: a test's task is the one that a launch has, and its grade the one that a run gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit import Problem, TaskError, UserError
from evalkit.testing import grade, load
from tests.own_tasks import IN_JUDGE, IN_MEASURE, IN_SPEC, Write, own_task

__all__ = ["own_task"]

SEES = """\
        spec = Spec(run)
        spec.seen = [problem.id, problem.seed, problem.row.get("x")]
        return spec
"""


async def test_an_answer_is_graded_under_the_overrides() -> None:
    exact, loose = load("arithmetic"), load("arithmetic", "task.tolerances.answer=2")
    assert [(await grade(task, 8768)).passed for task in (exact, loose)] == [False, True]
    assert (await grade(exact, 8769)).passed


def test_what_a_launch_refuses_is_refused() -> None:
    with pytest.raises(UserError, match="tolerances"):
        load("arithmetic", "task.tolerance.answer=2")
    with pytest.raises(UserError, match="arithmetic"):
        load("arithmetics")


async def test_only_what_load_gave_has_a_config() -> None:
    with pytest.raises(UserError, match=r"evalkit\.testing\.load"):
        await grade(object(), 1)


async def test_a_problem_is_named_by_id_by_seed_or_given(own_task: Write, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "a", "x": 1}\n{"id": "b", "x": 2}\n')
    name = own_task(IN_MEASURE, 'return Measurement({"answer": spec.seen, "run": 0})')
    path = tmp_path / "tasks" / name / "__init__.py"
    path.write_text(
        path.read_text()
        .replace(IN_SPEC, SEES)
        .replace('return Grade(True, "fine")', 'return Grade(True, str(measurement.values["answer"]))')
    )
    task, many = load(name), load(name, "problems.file=rows.jsonl")
    assert (await grade(task, 1)).message == "['0', 0, None]"
    assert (await grade(task, 1, seed=7)).message == "['0', 7, None]"
    assert (await grade(task, 1, problem=Problem("z", 3, 5, {"x": 9}))).message == "['z', 5, 9]"
    assert (await grade(many, 1)).message.startswith("['a', ")
    assert (await grade(many, 1, problem="b", seed=4)).message == "['b', 4, 2]"
    with pytest.raises(UserError, match="no problem 'c'"):
        await grade(many, 1, problem="c")


async def test_measure_has_a_sandbox_and_artifacts(own_task: Write) -> None:
    use = (
        "async with context.sandbox.session() as session:\n"
        "    printed = (await session.run('print(6 * 7)', timeout_s=20)).stdout\n"
        "return Measurement({'run': printed.strip() + attempt.artifacts['a.txt'].decode()})"
    )
    task = load(own_task(IN_MEASURE, use, IN_JUDGE, "return Grade(True, run)"))
    assert (await grade(task, 1, artifacts={"a.txt": b"!"})).message == "42!"


@pytest.mark.parametrize(("place", "what"), [(IN_MEASURE, "measure"), (IN_JUDGE, "grade")], ids=["measure", "grade"])
async def test_a_fault_of_the_tasks_code_quotes_its_line(place: str, what: str, own_task: Write) -> None:
    task = load(own_task(place, "raise ZeroDivisionError('x')"))
    with pytest.raises(TaskError, match=rf"the task's {what} raised ZeroDivisionError: x .*__init__.py:\d+"):
        await grade(task, 1)
