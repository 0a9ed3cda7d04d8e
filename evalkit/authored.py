"""A task's parts as everybody here calls them: what they give is checked, what they raise is the task's fault.

Every function raises `TaskError` for whatever the task's code does wrong, and `SandboxError` where a sandbox failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from evalkit.blame import blamed
from evalkit.errors import TaskError, ToolError
from evalkit.grading import Grade, Measurement
from evalkit.measurements import measurement_from
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
    kept = _as_json(_instance(found, Measurement, "the task's measure"), "the task's measure")
    if not isinstance(kept["values"], dict):
        raise TaskError(f"the task's measure gave a {type(kept['values']).__name__} of values where a dict is wanted")
    return measurement_from(kept)


def judge(task: Task, measurement: Measurement) -> Grade:
    """The task's verdict."""
    with blamed("the task's judge"):
        grade = task.judge(measurement)
    _as_json(_instance(grade, Grade, "the task's judge"), "the task's judge")
    return grade


async def call_tool(tool: Tool, input: Mapping[str, Json], session: Session, timeout_s: float) -> ToolResult:
    """What a tool makes of a call whose input fits. A `ToolError` is what it has to say to the model."""
    what = f"the task's tool {tool.name}"
    with blamed(what):
        try:
            result: Any = await tool(input, ToolContext(session, timeout_s))
        except ToolError as error:
            result = ToolResult(str(error), is_error=True)
    return _instance(ToolResult(result) if isinstance(result, str) else result, ToolResult, what)


def _as_json(value: Any, what: str) -> Any:
    """A dataclass as it is read from disk again: it must not matter whether that happened."""
    try:
        return json.loads(json.dumps(asdict(value)))
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskError(f"{what} gave what JSON cannot hold: {error}") from error


def _instance(value: Any, kind: type[T], what: str) -> T:
    if not isinstance(value, kind):
        raise TaskError(f"{what} returned {type(value).__name__} where {kind.__name__} is wanted")
    return value
