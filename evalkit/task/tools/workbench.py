"""Workbench: what the tools of one rollout share, from its first call to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from evalkit.sandbox.protocol import Sandbox, Session
from evalkit.task.problem import Problem
from evalkit.task.tools.protocol import NoSandbox, ToolContext

T = TypeVar("T")


@dataclass(eq=False)
class Workbench:
    """One for each rollout, so that nothing that tools keep here reaches another one. Belongs to the launch's loop."""

    session: Session
    timeout_s: float
    sandbox: Sandbox = field(default_factory=NoSandbox)
    problem: Problem = field(default_factory=lambda: Problem.seeded(0))
    state: dict[str, Any] = field(default_factory=dict)
    """See `ToolContext.state`."""
    _kept: dict[object, Any] = field(default_factory=dict)
    _closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def context(self, **instead: Any) -> ToolContext:
        """What a call may use. `instead`: parts of it that take another form, as on the thread of the task's code."""
        return replace(ToolContext(self.session, self.timeout_s, problem=self.problem, state=self.state), **instead)

    def kept(self, key: object, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> T:
        """What was made for `key` in this rollout; made now if there is none, and closed at its end."""
        if key not in self._kept:
            made = self._kept[key] = make()
            self._closing.append(lambda: close(made))
        found: T = self._kept[key]
        return found

    async def aclose(self) -> None:
        """End what was opened for the rollout."""
        self._kept.clear()
        while self._closing:
            await self._closing.pop()()
