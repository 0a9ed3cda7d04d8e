"""A task of one's own in the current directory, with any of its lines replaced: what an author might write."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

_numbers = itertools.count()

PLUGIN = """\
import asyncio, time
from dataclasses import dataclass, field

from evalkit import Check, Grade, Measurement, ScriptedAgent, ScriptedTurn, SubmitAnswer, Tokens, ToolError, ToolResult
from evalkit.sampling.seeds import run_seed

RUNS = {run_seed(0, run): run for run in range(1, 20)}


@dataclass
class Config:
    size: int


class Look:
    name = "look"
    description = "Look around."
    input_schema = {"type": "object", "properties": {}}

    def __init__(self, run):
        self.run = run

    async def __call__(self, input, context):
        run = self.run
        return ToolResult("a door")


@dataclass
class Spec:
    run: int
    prompt = "Say 1."
    answer_schema = {"type": "number"}

    @property
    def tools(self):
        return Look(self.run), SubmitAnswer(self.answer_schema)


class Task:
    Config = Config
    title = "One"
    categories = {"wrong": "Wrong"}
    graded_by = ()

    def __init__(self, config):
        self.config = config

    def spec(self, problem):
        run = RUNS.get(problem.seed, 0)
        return Spec(run)

    async def measure(self, attempt, spec, context):
        run = spec.run
        return Measurement({"answer": attempt.answer, "run": run})

    def grade(self, measurement):
        run = measurement.values["run"]
        return Grade(True, "fine")

    def oracle(self, spec):
        return self.agents(spec)[0]

    def agents(self, spec):
        run = spec.run
        look = {"name": "look", "input": {}}
        submit = {"name": "submit_answer", "input": {"answer": 1}}
        return [ScriptedAgent("a", (ScriptedTurn(Tokens(30), "", (look,)), ScriptedTurn(Tokens(20), "", (submit,))))]
"""
IN_TOOL = '        return ToolResult("a door")'
IN_SPEC = "        return Spec(run)"
IN_MEASURE = '        return Measurement({"answer": attempt.answer, "run": run})'
IN_JUDGE = '        return Grade(True, "fine")'
IN_AGENTS = '        look = {"name": "look", "input": {}}'

Write = Callable[..., str]


@pytest.fixture
def own_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """`own_task(line, statements, …)` puts a task into ./tasks and ./conf with each line preceded by its statements.

    Returns its name. The current directory is a fresh one.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVALKIT_PATH", raising=False)

    def put(*pairs: str, source: str = PLUGIN) -> str:
        for line, statement in zip(pairs[::2], pairs[1::2], strict=True):
            assert source.count(line) == 1
            indent = line[: len(line) - len(line.lstrip())]
            added = "".join(f"{indent}{part}\n" for part in statement.split("\n"))
            source = source.replace(line, added + line)
        name = f"authored_{next(_numbers)}"
        (tmp_path / "tasks" / name).mkdir(parents=True)
        (tmp_path / "tasks" / name / "__init__.py").write_text(source)
        (tmp_path / "conf" / "task").mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / "task" / f"{name}.yaml").write_text(
            f"# @package _global_\ntask: {{name: {name}, size: 1}}\n"
        )
        return name

    return put
