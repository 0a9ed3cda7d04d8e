"""A task of somebody's own, written into a folder and loaded from there: its grader reads a data file."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from evalkit.config import search_path

SOURCE = """
import json
from dataclasses import dataclass
from pathlib import Path

from evalkit import Check, Grade, Measurement, PythonExpression, ScriptedAgent, ScriptedTurn, SubmitAnswer, Tokens

HERE = Path(__file__).parent
# imports


@dataclass
class Tolerances:
    answer: float


@dataclass
class Config:
    name: str
    expression: str
    tolerances: Tolerances


# tools


class Spec:
    answer_schema = {"type": "number"}

    def __init__(self, config, seed):
        self.config, self.seed = config, seed

    @property
    def prompt(self):
        return f"Calculate {self.config.expression}."

    @property
    def tools(self):
        return (PythonExpression(), SubmitAnswer(self.answer_schema))


class Task:
    Config = Config
    title = "Somebody's own"
    categories = {"wrong_value": "Wrong value", "no_submission": "No submission"}
    graded_by = ("tolerances",)

    def __init__(self, config):
        self.config = config

    def spec(self, problem):
        return Spec(self.config, problem.seed)

    async def measure(self, attempt, spec, context):
        expected = json.loads((HERE / "expected.json").read_text())
        return Measurement({"got": attempt.answer, "expected": expected})

    def grade(self, measurement):
        right = measurement.values["got"] == measurement.values["expected"]
        return Grade(right, "", None if right else "wrong_value", (Check("answer", right),))

    def oracle(self, spec):
        turn = ScriptedTurn(Tokens(60), "", ({"name": "submit_answer", "input": {"answer": 4}},))
        return ScriptedAgent("oracle", (turn,))

    def agents(self, spec):
        return (self.oracle(spec),)
"""
_numbers = count()


def write_task(root: Path, *replacements: str, name: str = "", **files: str | bytes) -> str:
    """Put the task into `root/tasks`, with replacements (old, new, old, new …) in its source; its name.

    `files`: other files of its folder; `__` in a name stands for the dot of its suffix.
    """
    source = SOURCE
    for old, new in zip(replacements[::2], replacements[1::2], strict=True):
        assert old in source
        source = source.replace(old, new)
    name = name or f"own_{next(_numbers)}"
    folder = root / "tasks" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(source)
    for file, content in ({"expected__json": "4"} | files).items():
        path = folder / file.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    search_path.expose()
    return name
