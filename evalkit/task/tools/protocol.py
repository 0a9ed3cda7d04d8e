"""Tool protocol: what a model can call, what a call may use, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from evalkit.rollout.record import Submission
from evalkit.sandbox.protocol import GradingSandbox, Session
from evalkit.task.problem import Problem
from evalkit.util.errors import UserError


class NoSandbox:
    """Stands for the sandbox of a context that was made without one: whatever is asked of it raises `UserError`."""

    @property
    def level(self) -> str:
        """See `evalkit.sandbox.protocol.Sandbox`. Raises `UserError`."""
        raise _lacks()

    @property
    def stronger(self) -> str:
        """See `evalkit.sandbox.protocol.Sandbox`. Raises `UserError`."""
        raise _lacks()

    async def ready(self) -> None:
        """See `evalkit.sandbox.protocol.Sandbox`. Raises `UserError`."""
        raise _lacks()

    def session(
        self, *, seed: int = 0, files: Mapping[str, bytes] | None = None
    ) -> AbstractAsyncContextManager[Session]:
        """See `evalkit.sandbox.protocol.Sandbox`. Raises `UserError`."""
        raise _lacks()

    def function(self, source: str, name: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Raises `UserError`."""
        raise _lacks()


def _lacks() -> UserError:
    return UserError("This ToolContext has no sandbox: make it with ToolContext(session, timeout_s, sandbox=…)")


@dataclass(frozen=True)
class ToolContext:
    """What a tool call may use."""

    session: Session
    """The sandbox session of the rollout: the model's programs and files."""
    timeout_s: float
    """Seconds that the call may take: `limits.tool_timeout_s`."""
    sandbox: GradingSandbox = field(default_factory=NoSandbox)
    """Opens sessions that nothing has touched: for a tool that runs a submission beside data that it hides."""
    problem: Problem = field(default_factory=lambda: Problem.seeded(0))
    """The problem of the run."""
    state: dict[str, Any] = field(default_factory=dict)
    """Empty when a rollout begins, and kept from call to call. All tools of the rollout share it, no other one does.

    A resumed rollout calls its tools again, in order, which fills it again; one whose replies differ starts over.
    """


@dataclass(frozen=True)
class ToolResult:
    """What a tool call gave back."""

    content: str
    """Text for the model."""
    is_error: bool = False
    submission: Submission | None = None
    """Set by `submit_answer`: ends the rollout."""


Told = ToolResult | str
"""What a tool call gives; text alone is `ToolResult(text)`."""


class Tool(Protocol):
    """Anything with these three attributes that can be called is a tool.

    `input` was checked against `input_schema` before. What the model is to be told as an error is
    `ToolResult(text, is_error=True)`, or `raise ToolError(text)`; whatever else a tool raises is a fault of the task
    and ends the run as `error`. It runs on the thread of the task's code, so it may compute or block without holding
    anything up, and need not be asynchronous.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def input_schema(self) -> Mapping[str, Any]: ...
    def __call__(self, input: Mapping[str, Any], context: ToolContext) -> Awaitable[Told] | Told: ...


def called_wrongly(name: str) -> str:
    """How the answer to a call begins whose arguments do not fit; it never reached the tool."""
    return f"{name} was called wrongly: "
