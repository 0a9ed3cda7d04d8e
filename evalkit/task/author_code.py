"""Calls of a task's own code: results are checked, and exceptions become errors of the task.

Every function raises `TaskError` for whatever the task's code does wrong, and `SandboxError` where a sandbox failed.
The asynchronous ones run it on its own thread (`evalkit.task.author_thread`) and within a limit, the others at once,
where they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from evalkit.config.schema import Config
from evalkit.rollout.record import Json
from evalkit.sandbox.protocol import Sandbox
from evalkit.task import sandbox_calls
from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.author_faults import blamed, steady, task_error
from evalkit.task.author_thread import MovedError, OvertimeError, run
from evalkit.task.grade import Grade, Measurement
from evalkit.task.optional_parts import measure_many_of, values_of
from evalkit.task.problem import Problem
from evalkit.task.protocol import Spec, Task
from evalkit.task.registry import check_agents, check_spec
from evalkit.task.returned_values import checked_grade, measured, told
from evalkit.task.scripted_agents import ScriptedAgent
from evalkit.task.tools import OWN, FunctionTool, McpTool, Tool, ToolResult
from evalkit.task.tools.workbench import Workbench
from evalkit.util.errors import SandboxError, TaskError, ToolError, UserError

T = TypeVar("T")

LIMIT_S = 600.0
"""Of what no config says anything about."""
TOOL_SHARE = 0.1
"""Of the sandbox's time that counts as a tool's own: programs in it are the model's, and have limits of theirs."""
TOOL_GRACE_S = 1.0
"""What a tool may take beyond its limit: it may wait for just that long, and then say so to the model."""


def limit_of(config: Config) -> float:
    """Seconds that one call of `spec`, `measure` or `grade` may take."""
    limit_s = config.runs.grading_timeout_s
    return math.inf if limit_s is None else limit_s


def spec_for(task: Task, problem: Problem, *, disk_mb: int | None = None) -> Spec:
    """The spec of a problem, all that a model sees of it checked; `disk_mb`: how much its workspace holds."""
    with blamed("the task's spec", task.spec), _refused():
        spec = task.spec(problem)
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


async def apart(what: str, work: Callable[[], T], limit_s: float = LIMIT_S) -> T:
    """What synchronous work gives on the thread of the task's code; `what`: "the task's spec"."""
    value: T = await _done(what, None, lambda call: work(), limit_s)
    return value


async def measure(
    task: Task, attempt: Attempt, spec: Spec, sandbox: Sandbox, *, limit_s: float = LIMIT_S
) -> Measurement:
    """What the task's grader finds out about an attempt."""
    found = await _done(
        "the task's measure",
        task.measure,
        lambda call: task.measure(attempt, spec, GradingContext(sandbox_calls.Sandbox(call, sandbox))),
        limit_s,
    )
    with blamed("the task's measure", task.measure):
        return measured(found)


async def measure_many(
    task: Task, answer: Json, specs: Sequence[Spec], sandbox: Sandbox, *, limit_s: float = LIMIT_S
) -> list[Measurement]:
    """The same for several problems together, as the task's `measure_many` knows it. `limit_s`: for each of them.

    Raises `TaskError` where it gives no measurement for each spec.
    """
    many, what = measure_many_of(task), "the task's measure_many"
    assert many is not None
    found = await _done(
        what, many, lambda call: many(answer, specs, sandbox_calls.Sandbox(call, sandbox)), limit_s * len(specs)
    )
    with blamed(what, many):
        if not isinstance(found, Sequence) or len(found) != len(specs):
            raise TaskError(f"{what} must give a Measurement for each of the {len(specs)} specs, in their order")
        return [measured(one, what) for one in found]


async def values(task: Task, answer: Json, spec: Spec, sandbox: Sandbox, *, limit_s: float = LIMIT_S) -> Any:
    """What the task's `values` computes of an answer."""
    compute = values_of(task)
    assert compute is not None
    return await _done(
        "the task's values", compute, lambda call: compute(answer, spec, sandbox_calls.Sandbox(call, sandbox)), limit_s
    )


async def grade_all(
    pairs: Sequence[tuple[Task, Measurement]], *, listed: bool = True, limit_s: float = LIMIT_S
) -> list[Grade | TaskError | SandboxError]:
    """The verdicts of several tasks, or what came instead: together, for changing threads takes longer than grading.

    `listed`: a category must be one of the task's.
    """

    def one(task: Task, measurement: Measurement) -> Grade | TaskError | SandboxError:
        try:
            return grade_now(task, measurement, listed=listed)
        except (TaskError, SandboxError) as error:
            return error

    if not pairs:
        return []
    try:
        return await apart("the task's grade", lambda: [one(*pair) for pair in pairs], limit_s)
    except TaskError as error:
        if len(pairs) == 1:
            return [error]
    return [verdict for pair in pairs for verdict in await grade_all([pair], listed=listed, limit_s=limit_s)]


def grade_now(task: Task, measurement: Measurement, *, listed: bool = True) -> Grade:
    """The same without a limit, for what grades thousands of times."""
    with blamed("the task's grade", task.grade):
        return checked_grade(task.grade(measurement), task.categories if listed else None)


async def _done(what: str, code: object, work: Callable[[sandbox_calls.Call], Any], limit_s: float) -> Any:
    """What comes of a piece of the task's code on its thread; it changes nothing, so it may be begun anew."""
    try:
        value, raised = await run(work, limit_s=limit_s, again=True)
    except OvertimeError as error:
        said = f"{what} had not returned after {limit_s:g} s: raise runs.grading_timeout_s if it needs longer"
        raise TaskError(said, steady(error.where) or said) from None
    with blamed(what, code):
        _raise(what, raised)
    return value


def _raise(what: str, raised: BaseException | None) -> None:
    if isinstance(raised, TaskError | SandboxError):
        raise raised
    if raised is not None:
        raise task_error(what, raised) from raised


async def call_tool(tool: Tool, input: Mapping[str, Json], bench: Workbench) -> ToolResult:
    """What a tool makes of a call whose input fits. The model is told what it says by `ToolError`.

    evalkit's own tools run where everything else does; a task's on the thread of its code.
    Raises `TaskError` for a tool that did not return in time, was cut off, or failed.
    """
    if type(tool) in OWN:
        return await _awaited(tool(input, bench.context()))
    what, timeout_s = f"the task's tool {tool.name}", bench.timeout_s
    if type(tool) is McpTool:
        return told(await tool.use(input, bench), what)

    def work(call: sandbox_calls.Call) -> Any:
        session = sandbox_calls.Session(call, bench.session, timeout_s, TOOL_SHARE)
        sandbox = sandbox_calls.Sandbox(call, bench.sandbox, timeout_s, TOOL_SHARE)
        return tool(input, bench.context(session=session, sandbox=sandbox))

    try:
        value, raised = await run(work, limit_s=timeout_s + TOOL_GRACE_S)
    except OvertimeError as error:
        fix = "let it end within context.timeout_s, which is limits.tool_timeout_s"
        said = f"{what} had not returned after {timeout_s:g} s: {fix}"
        raise TaskError(said, steady(error.where) or said) from None
    except MovedError:
        said = f"{what} was cut off: other code of the task held their common thread for too long"
        raise TaskError(said, said) from None
    with blamed(what, tool.function if isinstance(tool, FunctionTool) else type(tool).__call__):
        if isinstance(raised, ToolError):
            return told(ToolResult(str(raised), is_error=True), what)
        _raise(what, raised)
        return told(value, what)


async def _awaited(result: Any) -> ToolResult:
    found: ToolResult = await result
    return found
