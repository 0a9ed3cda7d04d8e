"""A task as an author writes it who inherits nothing, every part annotated: it fits the protocols under `--strict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit import (
    Attempt,
    Check,
    Fault,
    Grade,
    GradingContext,
    GradingSandbox,
    HasFiles,
    HasHidden,
    HasPreload,
    HasReferenceSource,
    HasRules,
    HasShownSchema,
    HasSolution,
    HasStatedAccuracy,
    HasSystem,
    HasTaskKind,
    HasValues,
    Limits,
    Measurement,
    MeasuresMany,
    Output,
    Problem,
    PythonExpression,
    Scalable,
    ScriptedAgent,
    ScriptedTurn,
    Session,
    Spec,
    SubmitAnswer,
    Task,
    Tokens,
    Tool,
    ToolContext,
    ToolError,
    ToolResult,
    UserError,
    as_number,
    submitting,
    within,
)


class Look:
    """A tool as a plain class."""

    name = "look"
    description = "Look around."
    input_schema = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        if input["at"] == "nothing":
            raise ToolError("There is nothing to look at.")
        output: Output = await context.session.run("print(1)", timeout_s=context.timeout_s)
        return ToolResult(output.stdout, is_error=output.error is not None)


class Say:
    """The short form: text is the result, and nothing is awaited."""

    name = "say"
    description = "Say something."
    input_schema: Mapping[str, Any] = {"type": "object", "properties": {}}

    def __call__(self, input: Mapping[str, Any], context: ToolContext) -> str:
        return "Hello."


@dataclass(frozen=True)
class Call:
    """A tool as a dataclass."""

    number: int
    name: str = "call"
    description: str = "Call somebody."

    @property
    def input_schema(self) -> Mapping[str, Any]:
        return {"type": "object", "properties": {}}

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> str:
        return f"{self.number} is busy."


tools: Sequence[Tool] = (Look(), Say(), Call(3), PythonExpression(), SubmitAnswer({"type": "number"}))


@dataclass
class Knobs:
    name: str
    target: float


@dataclass(frozen=True)
class OwnSpec:
    """A problem as a frozen dataclass with what is the author's own."""

    target: float
    answer_schema = {"type": "number"}
    system = "Be brief."

    @property
    def prompt(self) -> str:
        return f"Say {self.target}."

    @property
    def tools(self) -> Sequence[Tool]:
        return (Look(), SubmitAnswer(self.answer_schema))


spec: Spec = OwnSpec(1.0)


class OwnTask:
    """A task as a plain class, whose methods know their own spec."""

    Config = Knobs
    title = "One number"
    categories = {"wrong": "Wrong", "format": "No number"}
    graded_by = ("tolerances",)

    def __init__(self, config: Knobs) -> None:
        if config.target < 0:
            raise UserError("task.target is out of range: use a number from 0 up")
        self.config = config

    def spec(self, problem: Problem) -> OwnSpec:
        return OwnSpec(self.config.target + problem.seed % 7)

    async def measure(self, attempt: Attempt, spec: OwnSpec, context: GradingContext) -> Measurement:
        number = as_number(attempt.answer)
        if number is None:
            return Measurement(fault=Fault("format", "This is not a number"))
        async with context.sandbox.session() as session:
            opened: Session = session
            await opened.run("pass", timeout_s=1)
        return Measurement({"error": abs(number - spec.target)})

    def grade(self, measurement: Measurement) -> Grade:
        if measurement.fault:
            return Grade.failed(measurement.fault)
        check: Check = within("error", measurement.values["error"], 0.5)
        return Grade(check.passed, "said", None if check.passed else "wrong", (check,))

    def oracle(self, spec: OwnSpec) -> ScriptedAgent:
        return submitting(spec.target)

    def agents(self, spec: OwnSpec) -> list[ScriptedAgent]:
        return [self.oracle(spec), ScriptedAgent("silent", (ScriptedTurn(Tokens(10), "No."),), weight=0.5)]


task: Task = OwnTask(Knobs("own", 1.0))
kind: type[Task] = OwnTask
limits: Limits = Limits(max_tokens=2900)


@dataclass(frozen=True)
class FullSpec(OwnSpec):
    """Every optional part of a spec, as attributes, fields and properties."""

    stated_accuracy: float = 0.5
    hidden: tuple[float, ...] = (3.0,)
    rules = {"brief": "Say"}

    @property
    def files(self) -> dict[str, bytes]:
        return {"notes.txt": b"nothing"}

    def scaled(self, factor: float) -> FullSpec:
        return FullSpec(self.target * factor)


class FullTask(OwnTask):
    """Every optional part of a task."""

    def solution(self, source: str, spec: OwnSpec) -> ScriptedAgent:
        return submitting(source)

    kind = "score"

    def reference_source(self, spec: OwnSpec) -> str:
        return "def one(): return 1"

    async def values(self, answer: Any, spec: OwnSpec, sandbox: GradingSandbox) -> Any:
        return [spec.target]

    async def measure_many(self, answer: Any, specs: Sequence[OwnSpec], sandbox: GradingSandbox) -> list[Measurement]:
        return [await self.measure(Attempt(answer), one, GradingContext(sandbox)) for one in specs]


full = FullSpec(1.0)
system: HasSystem = full
files: HasFiles = full
rules: HasRules = full
hidden: HasHidden = full
accuracy: HasStatedAccuracy = full
larger: Scalable = full
solves: type[HasSolution] = FullTask
refers: type[HasReferenceSource] = FullTask
computes: type[HasValues] = FullTask
measures: type[MeasuresMany] = FullTask
scores: type[HasTaskKind] = FullTask
shown: HasShownSchema = SubmitAnswer({"type": "number"})
loaded: HasPreload = PythonExpression()
