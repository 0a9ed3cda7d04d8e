"""Files that a task grades, in the conversation loop: kept after the turns that changed them, clipped exactly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.config.schema import AgentConfig
from evalkit.model.embedded.scripted_backends import Scripted
from evalkit.model.protocol import Request, Response
from evalkit.rollout import artifacts
from evalkit.rollout.artifacts import Standing, at_end
from evalkit.rollout.journal import read_rollout, write_rollout
from evalkit.rollout.limits import Limits, clip
from evalkit.rollout.record import Ending, Rollout
from evalkit.sampling.agent import Agent, DivergedError, begin
from evalkit.sampling.reminders import FILES, SHIPPED, reminders
from evalkit.sandbox.snapshots import Snapshot, snapshot_of
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens
from evalkit.task.tools import SubmitAnswer, ToolResult
from evalkit.util.errors import LostFilesError

Changes = Mapping[str, str | None]


class Workspace:
    """A session whose files are a dictionary."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    async def snapshot(self, patterns: Sequence[str], *, max_bytes: int) -> Snapshot:
        return snapshot_of(self.files, patterns, max_bytes)


@dataclass
class Edit:
    """A tool that writes and deletes files."""

    workspace: Workspace
    name: str = "edit"
    description: str = "Write files; null deletes one."
    input_schema: Any = None

    def __post_init__(self) -> None:
        self.input_schema = {"type": "object"}

    async def __call__(self, input: Any, context: Any) -> ToolResult:
        for path, content in input.items():
            if content is None:
                self.workspace.files.pop(path, None)
            else:
                self.workspace.files[path] = content.encode()
        return ToolResult("done")


@dataclass
class Spec:
    tools: Any
    prompt: str = "Write a.txt."
    artifacts: Any = ("a.txt", "src/*")
    files: Any = None
    needs_submission: bool = False


class Model:
    """Says what one scripted agent says, cut where a request allows no more."""

    id, simulated, ceiling, floor, where = "script", True, 1_000_000, 1, ""
    identity: Mapping[str, Any] = {}

    def __init__(self, turns: Sequence[ScriptedTurn]) -> None:
        self.backend = Scripted("script", lambda run: [ScriptedAgent("a", tuple(turns))], seed=0)

    async def respond(self, request: Request) -> Response:
        return Response(self.backend.answer(1, {"messages": request.messages, "max_tokens": request.max_tokens}))


class Recorder:
    def __init__(self) -> None:
        self.contents: set[bytes] = set()
        self.lines: list[tuple[str, Any]] = []

    async def keep(self, contents: Iterable[bytes]) -> None:
        self.contents |= set(contents)

    async def response(self, *line: Any) -> None: ...

    async def reply(self, turn: Any) -> None:
        kept = {artifacts.digest(content) for content in self.contents}
        assert turn.artifacts is None or set(turn.artifacts.values()) <= kept  # before the line that names them
        self.lines.append(("reply", turn.artifacts))


FILES_AT_FIRST = {"a.txt": b"start", "notes": b"not graded"}


def agent(turns: Sequence[ScriptedTurn], limits: Limits, past: Rollout | None = None) -> Agent:
    workspace = Workspace(FILES_AT_FIRST)
    spec = Spec((Edit(workspace), SubmitAnswer({"type": "object"})), files=FILES_AT_FIRST)
    start: Rollout = begin(1, spec)
    recorder = Recorder()
    recorder.contents |= set(FILES_AT_FIRST.values())
    if past:
        start = replace(start, turns=past.turns)
    return Agent(start, spec.tools, Model(turns), limits, workspace, recorder)  # type: ignore[arg-type]


def turn(tokens: int, changes: Sequence[Changes] = (), submit: bool = False) -> ScriptedTurn:
    calls: list[dict[str, Any]] = [{"name": "edit", "input": dict(one)} for one in changes]
    calls += [{"name": "submit_answer", "input": {"answer": {}}}] if submit else []
    return ScriptedTurn(Tokens(tokens), "", tuple(calls))


paths = st.sampled_from(["a.txt", "src/b", "src/c/d", "notes"])
changes = st.dictionaries(paths, st.sampled_from(["", "one", "two", None]), max_size=2)
turns = st.builds(turn, st.integers(1, 4), st.lists(changes, max_size=2), st.booleans())


@settings(max_examples=25, deadline=None)
@given(st.lists(turns, min_size=1, max_size=4))
def test_clipped_at_any_limit_a_rollout_leaves_the_files_of_a_fresh_one(script: list[ScriptedTurn]) -> None:
    async def check() -> None:
        whole = await agent(script, Limits()).roll_out()
        every = [Limits(max_tokens=n) for n in range(1, whole.output_tokens + 2)]
        for limits in [*every, *(Limits(max_steps=n) for n in range(1, len(script) + 1))]:
            fresh, clipped = await agent(script, limits).roll_out(), clip(whole, limits)
            if clipped.ending is Ending.UNKNOWN:  # a submission stands before the end of the response that is cut
                continue
            assert (clipped.ending, at_end(clipped)) == (fresh.ending, at_end(fresh))
            done = [(one.artifacts, one.left_out, one.submission) for one in clipped.turns]
            assert done == [(one.artifacts, one.left_out, one.submission) for one in fresh.turns]

    asyncio.run(check())


SCRIPT = [
    turn(9, [{"a.txt": "one", "notes": "x"}]),
    turn(9, [{"notes": "y"}]),
    turn(9, [{"a.txt": None}, {"src/b": "two"}]),
    turn(9, [], submit=True),
]


async def test_only_turns_that_changed_graded_files_name_them_and_deleted_ones_are_gone(tmp_path: Path) -> None:
    rollout = await agent(SCRIPT, Limits()).roll_out()

    one, two = artifacts.digest(b"one"), artifacts.digest(b"two")
    assert rollout.artifacts == {"a.txt": artifacts.digest(b"start")}
    assert [each.artifacts for each in rollout.turns] == [{"a.txt": one}, None, {"src/b": two}, None]
    write_rollout(tmp_path / "1.jsonl", rollout)
    assert read_rollout(tmp_path / "1.jsonl") == replace(rollout, timing=rollout.timing)


async def test_a_rollout_that_goes_on_repeats_its_files_and_refuses_others() -> None:
    whole = await agent(SCRIPT, Limits()).roll_out()
    before = replace(whole, turns=whole.turns[:2])

    assert (await agent(SCRIPT, Limits(), before).roll_out()).turns == whole.turns
    other = replace(before, turns=(replace(before.turns[0], artifacts={"a.txt": "0" * 64}), before.turns[1]))
    with pytest.raises(DivergedError):
        await agent(SCRIPT, Limits(), other).roll_out()


async def test_files_that_are_too_large_are_a_fact_that_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.sampling.agent.MAX_BYTES", 4)
    rollout = await agent([turn(9, [{"src/b": "x" * 5, "src/c": "fits"}]), turn(9)], Limits()).roll_out()

    assert rollout.left_out == {"a.txt": "larger than 4 bytes"}
    assert at_end(rollout) == Standing(
        {"src/c": artifacts.digest(b"fits")},
        {"a.txt": "larger than 4 bytes", "src/b": "larger than 4 bytes"},
    )


async def test_a_sandbox_that_cannot_take_files_ends_the_run_as_an_error() -> None:
    unable = agent(SCRIPT, Limits())
    unable.session = object()  # type: ignore[assignment]

    rollout = await unable.roll_out()

    assert (rollout.ending, "cannot take files" in rollout.detail) == (Ending.ERROR, True)


def test_contents_that_are_lost_or_damaged_are_said(tmp_path: Path) -> None:
    rollout = Rollout(3, "", "", (), patterns=("x",), artifacts={"x": artifacts.digest(b"1")}, blobs=tmp_path)
    for spoil in (lambda: None, lambda: (tmp_path / artifacts.digest(b"1")).write_bytes(b"2")):
        spoil()
        with pytest.raises(LostFilesError, match="run 3 left it to be graded"):
            artifacts.contents(rollout, at_end(rollout))
    foreign = replace(rollout, artifacts={"x": "../../etc/passwd"})
    with pytest.raises(LostFilesError, match=r"run 3 names no content by '../../etc/passwd'"):
        artifacts.contents(foreign, at_end(foreign))
    (tmp_path / artifacts.digest(b"1")).unlink()
    artifacts.keep(tmp_path, [b"1"])
    assert artifacts.contents(rollout, at_end(rollout)) == {"x": b"1"}


def test_reminders_fit_what_is_graded() -> None:
    tools = (SubmitAnswer({"type": "object"}),)
    shipped, own = AgentConfig(2, SHIPPED), AgentConfig(2, "Go on.")
    assert reminders(shipped, Spec(tools, needs_submission=True)) == (2, SHIPPED)
    assert reminders(shipped, Spec(tools)) == (2, FILES)
    assert reminders(shipped, Spec(())) == (0, "")
    assert reminders(own, Spec(())) == (2, "Go on.")


def test_the_shipped_reminder_is_that_of_the_shipped_config() -> None:
    from tests.launching import config_for

    assert config_for("task=arithmetic").agent.nudge == SHIPPED
