"""The optional base of tasks: what is left out is there, and what no base can know is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.task.registry import load_task
from evalkit.util.errors import UserError
from tests.own_tasks import Write, own_task
from tests.task.kinds.writing import here

__all__ = ["here", "own_task"]

SHORT = """\
import dataclasses

import evalkit


@dataclasses.dataclass
class Spec:
    prompt = "What is 6 times 7? Submit the number."
    answer_schema = {"type": "number"}
    rules = {"product": "6 times 7"}
    tools = (evalkit.PythonExpression(), evalkit.SubmitAnswer(answer_schema))
    play = "python"


class Task(evalkit.Task):
    categories = {"wrong_value": "Wrong"}
    graded_by = ("tolerances",)

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        return evalkit.Measurement({"error": float(evalkit.as_number(attempt.answer) != 42)})

    def grade(self, measurement):
        check = evalkit.within("answer", measurement.values["error"], self.config.tolerances.answer)
        return evalkit.Grade(check.passed, "ok", None if check.passed else "wrong_value", (check,))
"""
KNOWN = """\
- {answer: 41, expect: wrong_value, breaks: product}
- {answer: SUCCESS, expect: wrong_value, kind: exploits}
"""


def put(own_task: Write, *changes: tuple[str, str]) -> str:
    """The short task with some of its text changed; its name."""
    source = SHORT
    for before, after in changes:
        assert source.count(before) == 1
        source = source.replace(before, after)
    name = own_task(source=source)
    Path("conf", "task", f"{name}.yaml").write_text(
        f"# @package _global_\ntask: {{name: {name}, tolerances: {{answer: 0.5}}}}\n"
    )
    correct = Path("tasks", name, "solutions", "correct")
    correct.mkdir(parents=True)
    (correct / "product.py").write_text("print(6 * 7)\n")
    (correct.parent / "known.yaml").write_text(KNOWN)
    return name


def test_a_task_of_four_parts_runs_and_is_audited_clean(own_task: Write, capsys: pytest.CaptureFixture[str]) -> None:
    name = put(own_task)
    for model, passed in (("oracle", 2), ("simulated", 1)):
        assert main([f"task={name}", f"model={model}", "runs.count=2", f"hydra.run.dir={model}", "runs.seed=3"]) == 0
        assert json.loads(Path(model, "summary.json").read_text())["passed"] == passed, model
    assert json.loads(Path("oracle", "manifest.json").read_text())["title"] == name.replace("_", " ").capitalize()
    capsys.readouterr()
    assert main(["audit", f"task={name}"]) == 0
    assert "CLEAN: no findings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("def spec", "def spek", "lacks spec (is it spek?): add `def spec(self, problem"),
        ("async def measure", "async def mesure", "lacks measure (is it mesure?): add `async def measure"),
        ("def grade", "def grad", "lacks grade"),
        ('    categories = {"wrong_value": "Wrong"}\n', "", "lacks categories: add a mapping"),
        (
            'graded_by = ("tolerances",)',
            'graded_by = ("tolerance",)',
            "names 'tolerance', which the config",
        ),
    ],
)
def test_what_no_base_can_know_is_asked_for(own_task: Write, before: str, after: str, said: str) -> None:
    name = put(own_task, (before, after))
    with pytest.raises(UserError) as refused:
        load_task({"name": name, "tolerances": {"answer": 0.5}})
    assert said in str(refused.value)


def test_a_knob_that_the_yaml_lacks_is_named_with_its_likes(own_task: Write) -> None:
    task: Any = load_task({"name": put(own_task), "tolerances": {"answer": 0.5}})
    with pytest.raises(AttributeError, match="the config has no tolerance: did you mean tolerances"):
        assert task.config.tolerance
