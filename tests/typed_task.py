"""A task as an author who uses `mypy --strict` writes it: `python -m mypy` holds it against the protocols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from evalkit import (
    Attempt,
    Grade,
    GradingContext,
    Measurement,
    Problem,
    ScriptedAgent,
    ScriptedTurn,
    SubmitAnswer,
    Task,
    Tokens,
    Tool,
    ToolContext,
    ToolError,
    ToolResult,
    UserError,
)


@dataclass
class Knobs:
    size: int


class Look:
    name = "look"
    description = "Look."
    input_schema: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {}}

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        raise ToolError("no")


class Text:
    name = "text"
    description = "Text."
    input_schema: ClassVar[Mapping[str, Any]] = {"type": "object", "properties": {}}

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> str:
        return "a door"


@dataclass(frozen=True)
class One:
    prompt: str = "Say 1."
    answer_schema: ClassVar[Mapping[str, Any]] = {"type": "number"}

    @property
    def tools(self) -> Sequence[Tool]:
        return Look(), Text(), SubmitAnswer(self.answer_schema)


class Mine:
    Config: ClassVar[type] = Knobs
    title: ClassVar[str] = "One"
    categories: ClassVar[Mapping[str, str]] = {"wrong": "Wrong"}
    graded_by: ClassVar[Sequence[str]] = ()

    def __init__(self, config: Knobs) -> None:
        if config.size < 1:
            raise UserError("task.size: use 1 or more")

    def spec(self, problem: Problem) -> One:
        return One()

    async def measure(self, attempt: Attempt, spec: One, context: GradingContext) -> Measurement:
        return Measurement({"got": attempt.answer})

    def grade(self, measurement: Measurement) -> Grade:
        return Grade(True, "fine")

    def oracle(self, spec: One) -> ScriptedAgent:
        return ScriptedAgent("a", (ScriptedTurn(Tokens(1)),))

    def agents(self, spec: One) -> Sequence[ScriptedAgent]:
        return [self.oracle(spec)]


task: type[Task] = Mine
built: Task = Mine(Knobs(1))
