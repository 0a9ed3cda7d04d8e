"""The conversation loop: agent ⇄ model, tools in a sandbox, until the rollout ends in exactly one way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Protocol

from evalkit.model.protocol import ContextLimitError, Model, Request
from evalkit.model.requests import conversation
from evalkit.rollout.artifacts import MAX_BYTES, Standing, at_start
from evalkit.rollout.limits import UNCOUNTED, Limits, cannot_hold, cut_ending, next_call
from evalkit.rollout.record import Ending, FailedAttempt, Json, Rollout, Timing, Turn
from evalkit.sandbox.protocol import Sandbox, Session
from evalkit.sandbox.snapshots import Snapshot, snapshot_of
from evalkit.task import author_code
from evalkit.task.optional_parts import artifacts_of, definition, files_of, system_of
from evalkit.task.problem import Problem
from evalkit.task.tools import NoSandbox, Tool, ToolResult, called_wrongly
from evalkit.task.tools.workbench import Workbench
from evalkit.util.errors import ProviderError, SandboxError, TaskError
from evalkit.util.redaction import redacted_json
from evalkit.util.text import without_addresses


class Recorder(Protocol):
    """Is told everything as it happens, before anything is done with it (`evalkit.rollout.journal.Journal`)."""

    async def response(self, turn: Turn, seconds: float, waited: float) -> None: ...
    async def reply(self, turn: Turn) -> None: ...
    def failed(self, attempt: FailedAttempt) -> None: ...
    async def keep(self, contents: Iterable[bytes]) -> None: ...


class DivergedError(Exception):
    """A tool call that was executed again gave another result than the record says."""


@dataclass
class Agent:
    """One rollout in progress."""

    start: Rollout
    """What the model is shown; a resumed rollout has the turns of its record already."""
    tools: Sequence[Tool]
    model: Model
    limits: Limits
    session: Session
    recorder: Recorder
    sandbox: Sandbox = field(default_factory=NoSandbox)
    """Where tools may open sessions of their own."""
    problem: Problem = field(default_factory=lambda: Problem.seeded(0))
    nudges: int = 0
    nudge: str = ""
    canary: str = ""
    turns: list[Turn] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failed: list[FailedAttempt] = field(default_factory=list)
    waited: float = 0.0
    deadline: asyncio.Timeout = field(init=False)
    bench: Workbench = field(init=False)

    standing: Standing = field(init=False)
    """The artifacts as they are now."""

    def __post_init__(self) -> None:
        self.standing = at_start(self.start)
        self.bench = Workbench(self.session, self.limits.tool_timeout_s, self.sandbox, self.problem)

    async def roll_out(self) -> Rollout:
        """Run to the end. Faults of the provider, the sandbox and the task's own code become the ending `error`."""
        began = time.monotonic()
        detail, traceback, unfit = "", "", None
        try:
            async with asyncio.timeout(self.limits.timeout_s) as self.deadline:
                await self._repeat(self.start.turns)
                ending = await self._converse()
        except TimeoutError:
            if not self.deadline.expired():
                raise
            ending = Ending.TIME_LIMIT
        except ContextLimitError as error:
            ending, unfit = Ending.CONTEXT_LIMIT, error.unfit
        except (ProviderError, SandboxError) as error:
            ending, detail = Ending.ERROR, str(error)
        except TaskError as error:
            ending, detail, traceback = Ending.ERROR, str(error), error.traceback
        finally:
            await self.bench.aclose()
        if ending is Ending.REFUSED:
            detail = _refusal(self.turns[-1])
        before = self.start.timing  # of a rollout that goes on: what its earlier parts took
        timing = Timing(
            before.started,
            before.seconds + time.monotonic() - began - self.waited,
            before.waited + self.waited,
            (*before.turns, *self.seconds),
            (*before.failed, *self.failed),
        )
        rollout = replace(self.start, turns=tuple(self.turns), ending=ending, detail=detail, unfit=unfit, timing=timing)
        rollout = replace(rollout, traceback=traceback)
        return replace(rollout, leaked=bool(self.canary) and mentions(rollout, self.canary))

    async def _converse(self) -> Ending:
        while True:
            ending = self._ending()
            if ending is not None:
                return ending
            if cannot_hold(self.limits, self.turns):
                raise ProviderError(UNCOUNTED)
            allowed = next_call(
                self.limits,
                sum(turn.output_tokens for turn in self.turns),
                len(self.turns),
                ceiling=self.model.ceiling,
                floor=self.model.floor,
            )
            if isinstance(allowed, Ending):
                return allowed
            await self._act(await self._ask(allowed))

    async def _ask(self, max_tokens: int) -> Turn:
        """One model call."""
        so_far, clock = replace(self.start, turns=tuple(self.turns)), Clock(self.deadline)
        request = Request(
            run=self.start.run,
            messages=conversation(so_far),
            max_tokens=max_tokens,
            system=self.start.system,
            tools=self.start.tools,
            clock=clock,
            failed=partial(self._failed, clock),
        )
        asked = time.monotonic()
        try:
            response = await self.model.respond(request)
        except (ProviderError, ContextLimitError) as error:
            self.waited += time.monotonic() - asked
            if isinstance(error, ContextLimitError):
                error.unfit = error.unfit or max_tokens
            raise
        turn = Turn(max_tokens=max_tokens, response=response.message)
        await self.recorder.response(turn, response.seconds, response.waited)
        self.seconds.append(response.seconds)
        self.waited += response.waited
        return turn

    def _failed(self, clock: Clock, attempt: FailedAttempt) -> None:
        clock.give_back(attempt.seconds)
        self.failed.append(attempt)
        self.recorder.failed(attempt)

    async def _act(self, turn: Turn) -> None:
        """Do what the response asks for and remember what was said back.

        The turn was bought: it is part of the rollout whatever ends that now.
        """
        self.turns.append(turn)
        done = await self._done(turn, len(self.turns) - 1)
        if done.reply is not None or done.submission:
            await self.recorder.reply(done)
        self.turns[-1] = done

    async def _done(self, turn: Turn, before: int) -> Turn:
        """The turn with all that came of it: what is said back, and the files that are graded if they changed.

        Their contents are kept before any line of the record names them.
        """
        done = await self._answer(turn, before)
        called = bool(done.submission or done.tool_errors) or _holds_results(done.reply)
        if not self.start.patterns or not called:
            return done
        taken = await self._taken()
        standing = Standing.of(taken, taken.left_out)
        if standing == self.standing:
            return done
        await self.recorder.keep(taken.values())
        self.standing = standing
        return replace(done, artifacts=standing.files, left_out=standing.left_out)

    async def _taken(self) -> Snapshot:
        take = getattr(self.session, "snapshot", None)
        if take is None:  # of a provider that was written for an earlier evalkit
            raise SandboxError("the sandbox cannot take files, and this task grades some: set sandbox.provider=local")
        taken: Snapshot = await take(self.start.patterns, max_bytes=MAX_BYTES)
        return taken

    async def _answer(self, turn: Turn, before: int) -> Turn:
        """The turn with what is said back to it; `before`: how many came before it."""
        cut = turn.stop_reason == "max_tokens"
        # The last block of a cut response may be a torso; whatever stands before it is complete.
        blocks = turn.content[:-1] if cut else turn.content
        calls = [block for block in blocks if block.get("type") == "tool_use"]
        if cut:
            calls = [call for call in calls if call.get("name") == "submit_answer"]
        if calls:
            done = await self._call_tools(turn, calls)
            return replace(done, tool_errors=0) if cut else done  # refused, but nobody is told any more
        if cut or turn.stop_reason in ("refusal", "model_context_window_exceeded", "pause_turn"):
            return turn
        if self._nudges_given(before) < self.nudges:
            return replace(turn, reply=({"type": "text", "text": self.nudge},))
        return turn

    async def _call_tools(self, turn: Turn, calls: Sequence[Mapping[str, Json]]) -> Turn:
        """Run the calls in order; a submission ends the turn there."""
        reply, errors = [], 0
        for call in calls:
            result = await self._call(call)
            if result.submission:
                return replace(turn, submission=result.submission, tool_errors=errors)
            errors += result.is_error
            block = {"type": "tool_result", "tool_use_id": call.get("id"), "content": redacted_json(result.content)}
            reply.append(block | {"is_error": True} if result.is_error else block)
        return replace(turn, reply=tuple(reply), tool_errors=errors)

    async def _call(self, call: Mapping[str, Json]) -> ToolResult:
        """One tool call. Whatever is wrong with it is answered to the model, who can go on."""
        tool = next((tool for tool in self.tools if tool.name == call.get("name")), None)
        if tool is None:
            names = ", ".join(tool.name for tool in self.tools)
            return ToolResult(f"There is no tool {_short(repr(call.get('name')))}. Available: {names}.", is_error=True)
        wrong = mismatch(call.get("input"), tool.input_schema)
        if wrong:
            return ToolResult(called_wrongly(tool.name) + wrong, is_error=True)
        return await author_code.call_tool(tool, call["input"], self.bench)

    def _ending(self) -> Ending | None:
        """How the rollout ended with its last turn, or None if it goes on."""
        if not self.turns:
            return None
        turn = self.turns[-1]
        if turn.submission:
            return Ending.SUBMITTED
        if turn.stop_reason == "max_tokens":
            return cut_ending(turn, turn.max_tokens)
        if turn.stop_reason == "refusal":
            return Ending.REFUSED
        if turn.stop_reason == "model_context_window_exceeded":
            return Ending.CONTEXT_LIMIT
        if turn.reply is None and turn.stop_reason != "pause_turn":
            return Ending.GAVE_UP
        return None

    def _nudges_given(self, before: int) -> int:
        answered = (turn.reply for turn in self.turns[:before] if turn.reply is not None)
        return sum(reply[0].get("type") == "text" for reply in answered)

    async def _repeat(self, turns: Sequence[Turn]) -> None:
        """Execute the tool calls of recorded turns again, so that the sandbox is where it was.

        The last turn may lack its reply: the record ended between response and reply.
        """
        self.turns = list(turns)
        for place, turn in enumerate(turns):
            done = await self._done(turn.undone(), place)
            recorded = turn.reply is not None or turn.submission is not None
            if recorded and _comparable(done) != _comparable(turn):
                raise DivergedError(f"the tools gave another result in turn {place + 1} than before")
            if not recorded and (done.reply is not None or done.submission):
                await self.recorder.reply(done)
            self.turns[place] = done


class Clock:
    """The wall clock of a rollout, which a model client stops while it waits for a rate limit."""

    def __init__(self, deadline: asyncio.Timeout) -> None:
        self._deadline = deadline
        self._left: float | None = None

    def __enter__(self) -> None:
        when = self._deadline.when()
        self._left = None if when is None else when - asyncio.get_running_loop().time()
        self._deadline.reschedule(None)

    def give_back(self, seconds: float) -> None:
        """While it stands still: an attempt that failed was not the model's time."""
        if self._left is not None:
            self._left += seconds

    def __exit__(self, *exception: object) -> None:
        if self._left is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._left)


def begin(run: int, spec: Any) -> Rollout:
    """The rollout before its first turn: what the model of this run is shown, and the files of it that are graded."""
    patterns = artifacts_of(spec)
    start = snapshot_of(files_of(spec), patterns, MAX_BYTES)
    standing = Standing.of(start, start.left_out)
    return Rollout(
        run=run,
        prompt=spec.prompt,
        system=system_of(spec),
        tools=tuple(definition(tool) for tool in spec.tools),
        timing=Timing(started=time.time()),
        patterns=patterns,
        artifacts=standing.files,
        left_out=standing.left_out,
    )


def mismatch(value: Json, schema: Mapping[str, Any]) -> str:
    """In what way `value` does not fit the JSON Schema, as one sentence; empty if it fits."""
    try:
        error = next(iter(_validator(json.dumps(schema)).iter_errors(value)), None)
    except OverflowError as overflow:  # `multipleOf` divides
        return f"input: {overflow}"
    if error is None:
        return ""
    where = "".join(f"[{part!r}]" for part in error.absolute_path)
    return f"input{_short(where)}: {_short(error.message)}"


def _short(text: str) -> str:
    return text if len(text) < 300 else text[:300] + "…"


@cache
def _validator(schema: str) -> Any:
    """Compiled once per schema: compiling takes 60 times longer than checking."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema))


def mentions(rollout: Rollout, text: str) -> bool:
    """Whether `text` occurs anywhere in what was said after the prompt."""
    return any(text in repr(turn.content) or text in repr(turn.reply) for turn in rollout.turns)


def _comparable(turn: Turn) -> str:
    """What came of a turn."""
    files = (turn.artifacts, turn.left_out)
    return without_addresses(repr((turn.reply, turn.submission))) + json.dumps(files, sort_keys=True)


def _holds_results(reply: Sequence[Mapping[str, Json]] | None) -> bool:
    """Whether a reply answers tool calls."""
    return any(block.get("type") == "tool_result" for block in reply or ())


def _refusal(turn: Turn) -> str:
    details = turn.response.get("stop_details") or {}
    return str(details.get("explanation") or details.get("category") or "")
