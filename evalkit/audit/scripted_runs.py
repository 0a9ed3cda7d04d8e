"""Plays scripted agents through a task's real tools in a real sandbox: the agent loop without HTTP or a key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.model.embedded.scripted_backends import Scripted
from evalkit.model.protocol import Request, Response
from evalkit.rollout import artifacts
from evalkit.rollout.limits import Limits
from evalkit.rollout.record import FailedAttempt, Rollout, Turn
from evalkit.sampling.agent import Agent, begin
from evalkit.sandbox.protocol import Sandbox, Session
from evalkit.task.attempt import Attempt
from evalkit.task.optional_parts import files_of
from evalkit.task.problem import Problem
from evalkit.task.protocol import Spec
from evalkit.task.scripted_agents import ScriptedAgent
from evalkit.task.tools import NoSandbox


class _Script:
    """A model that says what one scripted agent says."""

    id, simulated, ceiling, floor = "audit", True, 1_000_000, 1
    identity: Mapping[str, Any] = {}

    where = ""

    def __init__(self, agent: ScriptedAgent) -> None:
        self._backend = Scripted(self.id, lambda run: [agent], seed=0)

    async def check(self) -> Sequence[str]:
        return ()

    async def respond(self, request: Request) -> Response:
        body = {"messages": request.messages, "max_tokens": request.max_tokens}
        return Response(self._backend.answer(request.run, body))

    def cost_usd(self, usages: Sequence[Mapping[str, Any]]) -> float | None:
        return None

    def watch(self, told: object) -> Callable[[], None]:
        return lambda: None

    async def close(self) -> None: ...


class _Nobody:
    """A recorder that keeps nothing but files."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        """SHA-256 → content."""

    async def keep(self, contents: Iterable[bytes]) -> None:
        self.contents |= {artifacts.digest(content): content for content in contents}

    async def response(self, turn: Turn, seconds: float, waited: float) -> None: ...
    async def reply(self, turn: Turn) -> None: ...
    def failed(self, attempt: FailedAttempt) -> None: ...


@dataclass(frozen=True)
class ScriptedRun:
    """What an agent came to."""

    rollout: Rollout
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What it left to be graded: relative path → content."""

    @property
    def attempt(self) -> Attempt:
        """What is graded; a grader meets no rollout in audits."""
        return Attempt(self.answer, artifacts=self.files, left_out=artifacts.at_end(self.rollout).left_out)

    @property
    def submitted(self) -> bool:
        """Whether it submitted anything."""
        return self.rollout.submission is not None

    @property
    def answer(self) -> Any:
        """What it submitted; None if nothing."""
        return self.rollout.submission.answer if self.rollout.submission else None

    @property
    def replies(self) -> list[str]:
        """What tools answered, in order."""
        blocks = [block for turn in self.rollout.turns for block in turn.reply or ()]
        return [str(block.get("content", block.get("text", ""))) for block in blocks]


async def play(
    agent: ScriptedAgent,
    spec: Spec,
    session: Session,
    *,
    tool_timeout_s: float = 30.0,
    sandbox: Sandbox | None = None,
    problem: Problem | None = None,
) -> ScriptedRun:
    """Every turn of `agent`, without any limit but the tools' own.

    `sandbox`: where tools open sessions of their own. Raises SandboxError if the sandbox fails.
    """
    kept = _Nobody()
    await kept.keep(files_of(spec).values())
    agent_loop = Agent(
        start=begin(1, spec),
        tools=spec.tools,
        model=_Script(agent),
        limits=Limits(tool_timeout_s=tool_timeout_s),
        session=session,
        recorder=kept,
        sandbox=sandbox or NoSandbox(),
        problem=problem or Problem.seeded(0),
    )
    rollout = await agent_loop.roll_out()
    standing = artifacts.at_end(rollout)
    return ScriptedRun(rollout, {path: kept.contents[name] for path, name in standing.files.items()})
