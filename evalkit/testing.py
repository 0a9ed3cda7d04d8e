"""Tests of a grader: a task as a launch would have it, and the grade of one answer.

    task = load("my_task", "task.tolerances.total=0.1")
    assert (await grade(task, 8769)).passed

Without an event loop of your own, write `asyncio.run(grade(task, 8769))`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evalkit.task.problem import Problem
from evalkit.util.suggestions import suggestion

if TYPE_CHECKING:  # a test pays for what it uses
    from evalkit.config.schema import Config
    from evalkit.sampling.problem_set import ProblemSet
    from evalkit.sandbox.protocol import Sandbox, Session
    from evalkit.task.grade import Grade
    from evalkit.task.protocol import Spec

_configs: dict[int, tuple[Any, Config]] = {}
"""Task by id, with its config; holding the task keeps its id from being used again."""


def load(name: str, *overrides: str) -> Any:
    """The task that a launch with `task=name` and these overrides would grade with, checked.

    Typed `Any`, because a test asks more of a task than the protocol has. Raises `UserError` for whatever a launch
    refuses.
    """
    from evalkit.launch.entry import compose
    from evalkit.sampling.problem_set import problem_set
    from evalkit.task.registry import check_specs, load_task

    config = compose([f"task={name}", *overrides], "oracle")
    task = load_task(config.task)
    problems = problem_set(config, task)
    check_specs(task, problems.problem(problems.first), disk_mb=config.sandbox.disk_mb)
    _configs[id(task)] = task, config
    return task


async def grade(
    task: Any,
    answer: Any,
    *,
    problem: Problem | str | None = None,
    seed: int | None = None,
    artifacts: Mapping[str, bytes] | None = None,
) -> Grade:
    """The grade of an answer, measured and graded as a run's is.

    `task`: from `load`. `problem`: one of its problems by id, or a `Problem` of your own; by default the first of a
    set, or the only one. `seed`: of the problem, in place of its own; where neither is given, the only problem of a
    task has seed 0. `artifacts`: relative path → content of the files that are graded.
    The sandbox starts when `measure` asks for a session. Raises `TaskError` for a fault of the task's own code, and
    `UserError` for a problem that the task does not have.
    """
    from evalkit.task import author_code
    from evalkit.task.attempt import Attempt
    from evalkit.util.errors import UserError

    if id(task) not in _configs:
        raise UserError(f"grade() knows tasks of evalkit.testing.load(…) only: got {type(task).__name__}")
    config, limit_s = _configs[id(task)][1], author_code.limit_of(_configs[id(task)][1])
    spec = author_code.spec_for(task, _problem(task, config, problem, seed), disk_mb=config.sandbox.disk_mb)
    async with _lazily(config, spec) as sandbox:
        attempt = Attempt(answer, artifacts=dict(artifacts or {}))
        measurement = await author_code.measure(task, attempt, spec, sandbox, limit_s=limit_s)
    (verdict,) = await author_code.grade_all([(task, measurement)], limit_s=limit_s)
    if isinstance(verdict, Exception):
        raise verdict
    return verdict


def _problem(task: Any, config: Config, wanted: Problem | str | None, seed: int | None) -> Problem:
    from evalkit.sampling.problem_set import problem_set

    found = wanted if isinstance(wanted, Problem) else _named(problem_set(config, task), wanted)
    return found if seed is None else replace(found, seed=seed)


def _named(problems: ProblemSet, wanted: str | None) -> Problem:
    """Raises `UserError` for an id that the set does not have."""
    from evalkit.util.errors import UserError

    if not problems.several and wanted is None:
        return Problem.seeded(0)
    runs = {problems.problem(run).id: run for run in problems.runs(1)}
    if wanted is not None and wanted not in runs:
        raise UserError(f"The task has no problem {wanted!r}{suggestion(wanted, runs)}: problems.* says which it has")
    return problems.problem(problems.first if wanted is None else runs[wanted])


@asynccontextmanager
async def _lazily(config: Config, spec: Spec) -> AsyncIterator[_LazySandbox]:
    from evalkit.sampling.resources import Resources

    resources = Resources()
    try:
        yield _LazySandbox(config, spec, resources)
    finally:
        await resources.close()


class _LazySandbox:
    """A sandbox that starts with its first session: most graders need none, and starting one takes time."""

    def __init__(self, config: Config, spec: Spec, resources: Any) -> None:
        self._config, self._spec, self._resources = config, spec, resources
        self._started: Sandbox | None = None

    async def _start(self) -> Sandbox:
        started: Sandbox = await self._resources.sandbox(self._config, self._spec)
        self._started = started
        return started

    @property
    def level(self) -> str:
        if self._started is None:
            raise RuntimeError("no session has answered yet")
        return self._started.level

    @property
    def stronger(self) -> str:
        if self._started is None:
            raise RuntimeError("no session has answered yet")
        return self._started.stronger

    async def ready(self) -> None:
        await (await self._start()).ready()

    @asynccontextmanager
    async def session(self, *, seed: int = 0, files: Mapping[str, bytes] | None = None) -> AsyncIterator[Session]:
        async with (await self._start()).session(seed=seed, files=files) as session:
            yield session
