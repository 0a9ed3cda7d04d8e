"""Small tasks as authors write them: a forecast that is scored, a text, a counter."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

PLUGIN = """
from dataclasses import dataclass, field
from evalkit import Fault, Grade, Measurement, PythonExpression, ScriptedAgent, ScriptedTurn, SubmitAnswer, Tokens
from evalkit import submitting


@dataclass
class Config:
    name: str
    most: float


@dataclass(frozen=True)
class Spec:
    number: int
    rules = {"it": "Do it."}
    answer_schema = {}

    @property
    def prompt(self):
        return f"Do it. Problem {self.number}."

    @property
    def tools(self):
        return (PythonExpression(), SubmitAnswer({}))


class Task:
    Config = Config
    title = "A task"
    categories = {"off": "Off", "raised": "Raised"}
    graded_by = ("most",)

    def __init__(self, config):
        self.config = config

    def spec(self, problem):
        return Spec(problem.seed % 7)

    def agents(self, spec):
        return [self.oracle(spec)]

    def grade(self, measurement):
        if measurement.fault:
            return Grade.failed(measurement.fault)
        if measurement.values["error"] < self.config.most:
            return Grade(True, "Near enough")
        return Grade(False, "Off", "off")
"""

FORECAST = """
kind = "score"

def spec(self, problem):
    return Spec(0)

def oracle(self, spec):
    return submitting(self.reference_source(spec))

def reference_source(self, spec):
    return "def forecast(values):\\n    return values[-1] + 2\\n"

async def measure(self, attempt, spec, context):
    program = f"{attempt.answer}\\nprint(abs(forecast([1.0, 2.0, 4.0, 6.0]) - 8.0))"
    async with context.sandbox.session() as session:
        output = await session.run(program, timeout_s=5)
    try:
        return Measurement({"error": float(output.stdout)})
    except ValueError:
        return Measurement(fault=Fault("raised", "It gives no number"))
"""

TEXT = """
def oracle(self, spec):
    return submitting(f"the town of problem {spec.number}")

def solution(self, source, spec):
    return submitting(source.rpartition("\\n")[2].replace("NUMBER", str(spec.number)))

async def measure(self, attempt, spec, context):
    return Measurement({"error": 0.0 if str(attempt.answer).startswith("the town") else 9.0})
"""

COUNTER = """
def oracle(self, spec):
    program = "open('left', 'a').write('x'); print(len(open('left').read()))"
    call = {"name": "python_expression", "input": {"expression": program}}
    return ScriptedAgent("oracle", (ScriptedTurn(Tokens(9), "", (call,)), ScriptedTurn(Tokens(9), submit_output=True)))

async def measure(self, attempt, spec, context):
    return Measurement({"error": abs(attempt.answer - 1) if isinstance(attempt.answer, int) else 9.0})
"""


def write(root: Path, name: str, methods: str, **solutions: str) -> str:
    """The task in `root`, its name. `solutions`: `wrong__x` → the source of `solutions/wrong/x.py`."""
    folder = root / "tasks" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(PLUGIN + indent(methods, "    "))
    for place, source in solutions.items():
        kind, _, stem = place.partition("__")
        path = folder / "solutions" / kind / f"{stem}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source))
    conf = root / "conf" / "task" / f"{name}.yaml"
    conf.parent.mkdir(parents=True, exist_ok=True)
    conf.write_text(f"# @package _global_\ntask:\n  name: {name}\n  most: 2.5\n")
    return name
