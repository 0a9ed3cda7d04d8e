"""A task's parts as everybody here calls them: what they give is checked, what they raise is the task's fault.

Every function raises `TaskError` for whatever the task's code does wrong, and `SandboxError` where a sandbox failed.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from evalkit.blame import blamed, steady
from evalkit.errors import TaskError, ToolError, UserError
from evalkit.graded import judged, measured
from evalkit.grading import Grade, Measurement
from evalkit.registry import check_agents, check_spec
from evalkit.rollout import Json, Submission
from evalkit.sandbox.api import Sandbox, Session
from evalkit.scripted import ScriptedAgent
from evalkit.task import Spec, Task
from evalkit.tool import Tool, ToolContext, ToolResult

T = TypeVar("T")

HUNG_S = 300.0
"""Seconds that a tool may take beyond its time limit: a sandbox on a busy machine says itself that it did not start."""


def spec_for(task: Task, seed: int, *, disk_mb: int | None = None) -> Spec:
    """The problem of a seed, all that a model sees of it checked; `disk_mb`: how much its workspace holds."""
    with blamed("the task's spec", task.spec), _refused():
        spec = task.spec(seed)
        check_spec(task, spec, disk_mb=disk_mb)
        return spec


@contextmanager
def _refused() -> Iterator[None]:
    """What would be refused before a launch is the task's fault when only a later run meets it."""
    try:
        yield
    except UserError as error:
        raise TaskError(steady(str(error))) from error


def agents_for(task: Task, spec: Spec, *, oracle: bool = False) -> Sequence[ScriptedAgent]:
    """The task's simulated agents, or its reference alone."""
    what = "oracle" if oracle else "agents"
    with blamed(f"the task's {what}", getattr(task, what)), _refused():
        agents = [task.oracle(spec)] if oracle else task.agents(spec)
        check_agents(task, what, agents)
        return list(agents)


async def measure(
    task: Task, answer: Json, spec: Spec, sandbox: Sandbox, *, timeout_s: float | None = None
) -> Measurement:
    """What the task's grader finds out about an answer, in so many seconds at the most."""
    what = "the task's measure"
    with blamed(what, task.measure):
        fix = "raise runs.grading_timeout_s if it needs longer"
        return measured(await _in_time(task.measure(answer, spec, sandbox), timeout_s, what, fix))


def judge(task: Task, measurement: Measurement, *, listed: bool = True) -> Grade:
    """The task's verdict. `listed`: its category must be one of the task's."""
    with blamed("the task's judge", task.judge):
        return judged(task.judge(measurement), task.categories if listed else None)


async def call_tool(tool: Tool, input: Mapping[str, Json], session: Session, timeout_s: float) -> ToolResult:
    """What a tool makes of a call whose input fits. A `ToolError` is what it has to say to the model."""
    what = f"the task's tool {tool.name}"
    late = timeout_s + HUNG_S, what, "let it end within context.timeout_s, which is limits.tool_timeout_s"
    with blamed(what, type(tool).__call__):
        try:
            result: Any = await _in_time(_called(tool, input, ToolContext(session, timeout_s), what), *late)
        except ToolError as error:
            result = ToolResult(str(error), is_error=True)
        return _checked(_instance(ToolResult(result) if isinstance(result, str) else result, ToolResult, what), what)


def _checked(result: ToolResult, what: str) -> ToolResult:
    """What can be recorded and sent: text, which may be missing, and an answer that is JSON."""
    content: Any = "" if result.content is None else result.content
    if not isinstance(content, str):
        raise TaskError(f"{what} returned a ToolResult whose content is {type(content).__name__} where str is wanted")
    if result.submission is not None:
        try:
            json.dumps(_instance(result.submission, Submission, what).answer)
        except (TypeError, ValueError, RecursionError) as error:
            raise TaskError(f"{what} submitted what is no JSON: {steady(str(error))}") from error
    return ToolResult(content, bool(result.is_error), result.submission)


def _called(tool: Tool, input: Mapping[str, Json], context: ToolContext, what: str) -> Awaitable[Any]:
    given: Any = tool(input, context)
    if not inspect.isawaitable(given):
        want = "async def __call__(self, input, context)"
        raise TaskError(f"{what} returned {type(given).__name__} without being asynchronous: write `{want}`")
    return given


async def _in_time(doing: Awaitable[T], seconds: float | None, what: str, fix: str) -> T:
    """What it gives. One that hangs would hold up the launch for ever."""
    try:
        async with asyncio.timeout(seconds) as clock:
            return await doing
    except TimeoutError:
        if not clock.expired():  # the author's own
            raise
        raise TaskError(f"{what} had not returned after {seconds:g} s: {fix}") from None


def _instance(value: Any, kind: type[T], what: str) -> T:
    if not isinstance(value, kind):
        raise TaskError(f"{what} returned {type(value).__name__} where {kind.__name__} is wanted")
    return value
