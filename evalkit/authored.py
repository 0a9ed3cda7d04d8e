"""A task's parts as everybody here calls them: what they give is checked, what they raise is the task's fault.

Every function raises `TaskError` for whatever the task's code does wrong, and `SandboxError` where a sandbox failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from evalkit.blame import blamed
from evalkit.errors import TaskError, ToolError
from evalkit.grading import Grade, Measurement
from evalkit.rollout import Json
from evalkit.sandbox.api import Sandbox, Session
from evalkit.scripted import ScriptedAgent
from evalkit.task import Spec, Task
from evalkit.tool import Tool, ToolContext, ToolResult

T = TypeVar("T")


def spec_for(task: Task, seed: int) -> Spec:
    """The problem of a seed."""
    with blamed("the task's spec"):
        return task.spec(seed)


def agents_for(task: Task, spec: Spec, *, oracle: bool = False) -> Sequence[ScriptedAgent]:
    """The task's simulated agents, or its reference alone."""
    what = f"the task's {'oracle' if oracle else 'agents'}"
    with blamed(what):
        return [task.oracle(spec)] if oracle else list(task.agents(spec))


async def measure(task: Task, answer: Json, spec: Spec, sandbox: Sandbox) -> Measurement:
    """What the task's grader finds out about an answer."""
    with blamed("the task's measure"):
        found = await task.measure(answer, spec, sandbox)
    return _instance(found, Measurement, "the task's measure")


def judge(task: Task, measurement: Measurement) -> Grade:
    """The task's verdict."""
    with blamed("the task's judge"):
        grade = task.judge(measurement)
    return _instance(grade, Grade, "the task's judge")


async def call_tool(tool: Tool, input: Mapping[str, Json], session: Session, timeout_s: float) -> ToolResult:
    """What a tool makes of a call whose input fits. A `ToolError` is what it has to say to the model."""
    what = f"the task's tool {tool.name}"
    with blamed(what):
        try:
            result: Any = await tool(input, ToolContext(session, timeout_s))
        except ToolError as error:
            result = ToolResult(str(error), is_error=True)
    return _instance(ToolResult(result) if isinstance(result, str) else result, ToolResult, what)


def _instance(value: Any, kind: type[T], what: str) -> T:
    if not isinstance(value, kind):
        raise TaskError(f"{what} returned {type(value).__name__} where {kind.__name__} is wanted")
    return value
