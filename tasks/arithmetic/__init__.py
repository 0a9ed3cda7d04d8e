"""The warm-up that every author starts from: one sum, worked out with the Python tool, compared as a number."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.grade import Fault, Grade, Measurement, as_number, preview, within
from evalkit.task.problem import Problem
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens, load_agents
from evalkit.task.tools import PythonExpression, SubmitAnswer, Tool

MAX = sys.float_info.max


@dataclass
class Tolerances:
    """Largest allowed errors, strictly less."""

    answer: float


@dataclass
class Config:
    """The knobs of `conf/task/arithmetic.yaml`, where each has its meaning and its value."""

    name: str
    expression: str
    tolerances: Tolerances


@dataclass(frozen=True)
class Spec:
    """The problem: everything that is asked and expected comes from `expression`."""

    expression: str

    @property
    def prompt(self) -> str:
        """What the model is asked."""
        return (
            f"Calculate {self.expression}, where ^ is exponentiation. Use the python_expression tool to work it out, "
            "then submit the number with submit_answer. The answer is exact."
        )

    @property
    def program(self) -> str:
        """The expression in Python."""
        return self.expression.replace("^", "**")

    @property
    def expected(self) -> float:
        """The right answer; a whole number where the expression gives one."""
        found: float = eval(self.program, {"__builtins__": {}})  # the author's own config, no submission
        return found

    answer_schema: ClassVar[Mapping[str, Any]] = {"type": "number"}

    @property
    def rules(self) -> Mapping[str, str]:
        """Every rule that the grader enforces → the words of the prompt that state it."""
        return {
            "expression": f"Calculate {self.expression}, where",
            "exponentiation": "where ^ is exponentiation",
            "number": "submit the number",
            "exact": "The answer is exact",
        }

    @property
    def tools(self) -> Sequence[Tool]:
        """What the model may call."""
        return PythonExpression(), SubmitAnswer(self.answer_schema)


class Task:
    """Prompt, tools and grader."""

    Config = Config
    title = "Arithmetic with a Python tool"
    categories: ClassVar[Mapping[str, str]] = {
        "wrong_value": "Wrong value",
        "format_error": "Not a number",
        "no_submission": "No submission",
    }
    graded_by = ("tolerances",)

    def __init__(self, config: Config) -> None:
        self.config = config

    def spec(self, problem: Problem) -> Spec:
        """The same problem for every run."""
        return Spec(self.config.expression)

    async def measure(self, attempt: Attempt, spec: Spec, context: GradingContext) -> Measurement:
        """How far off the answer is. `8769`, `8769.0`, `"8769"` and `"8,769"` are the same number."""
        number = as_number(attempt.answer)
        if number is None or number != number or abs(number) == float("inf"):
            return Measurement(
                fault=Fault("format_error", f"Got {preview(attempt.answer)}, which is not a finite number")
            )
        error = min(abs(Fraction(number) - Fraction(spec.expected)), MAX)
        return Measurement({"got": number, "expected": spec.expected, "error": float(error)})

    def grade(self, measurement: Measurement) -> Grade:
        """Right if the error is below the tolerance."""
        if measurement.fault:
            return Grade.failed(measurement.fault)
        got, expected = measurement.values["got"], measurement.values["expected"]
        check = within("answer", measurement.values["error"], self.config.tolerances.answer)
        if check.passed:
            return Grade(True, f"Got {_shown(got)}", checks=(check,))
        return Grade(False, f"Got {_shown(got)}, expected {_shown(expected)}", "wrong_value", (check,))

    def oracle(self, spec: Spec) -> ScriptedAgent:
        """Works it out with the tool and submits what it printed."""
        return self._agents(spec)[0]

    def agents(self, spec: Spec) -> Sequence[ScriptedAgent]:
        """Simulated agents, from the careful one to the one that forgets to submit."""
        return self._agents(spec)

    def reference_source(self, spec: Spec) -> str:
        """The program that audits make mistakes in."""
        return f"print({spec.program})"

    def solution(self, source: str, spec: Spec) -> ScriptedAgent:
        """Runs a program of solutions/ with the Python tool and submits what it printed."""
        call = {"name": "python_expression", "input": {"expression": source.replace("EXPRESSION", spec.program)}}
        return ScriptedAgent(
            "solution", (ScriptedTurn(Tokens(90), "", (call,)), ScriptedTurn(Tokens(60), submit_output=True))
        )

    def _agents(self, spec: Spec) -> list[ScriptedAgent]:
        return load_agents(Path(__file__).with_name("agents.yaml"), {"expression": spec.program})


def _shown(number: float) -> str:
    """All digits of a whole number, twelve of any other."""
    return str(number) if isinstance(number, int) and abs(number) < 10**20 else f"{number:.12g}"
