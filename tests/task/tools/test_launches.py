"""Tools in launches: a score tool that hides its data, state of a rollout, an MCP server; resumed, and in keys."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from evalkit.config.search_path import NAMESPACE
from evalkit.engine.cells import CellResult
from evalkit.results.runs import Outcome
from evalkit.rollout.journal import load
from evalkit.rollout.record import Ending
from evalkit.task.registry import load_plugin
from evalkit.task.tools import SubmitAnswer, tool
from tests.builders import call, message
from tests.launching import Watcher, launch
from tests.own_tasks import Write, own_task
from tests.sampling.test_agent import SUBMIT, Asked
from tests.sampling.test_agent import agent as played
from tests.servers import mcp_tools

__all__ = ["own_task"]

HEAD = """\
from dataclasses import dataclass
from pathlib import Path

from evalkit import (
    Grade, ListFiles, McpServer, Measurement, PythonExpression, ReadFile, ScriptedAgent, ScriptedTurn, SubmitAnswer,
    Tokens, WriteFile, tool,
)


@dataclass
class Config:
    size: int
"""
TASK = """

class Spec:
    prompt = "Write it."
    answer_schema = {"type": "string"}
    hidden = ("hidden-4711",)

    @property
    def tools(self):
        return *TOOLS, SubmitAnswer(self.answer_schema)


class Task:
    Config = Config
    title = "One"
    categories = {"wrong": "Wrong"}
    graded_by = ()

    def __init__(self, config):
        self.config = config

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        return Measurement({})

    def grade(self, measurement):
        return Grade(True, "fine")

    def oracle(self, spec):
        return self.agents(spec)[0]

    def agents(self, spec):
        turns = [ScriptedTurn(Tokens(30), "", ({"name": name, "input": given},)) for name, given in CALLS]
        return [ScriptedAgent("a", tuple(turns))]
"""
SCORE = (
    HEAD
    + '''
CASES = [("visible-1234", "4321-elbisiv"), ("hidden-4711", "1174-neddih")]
SHOWN = 1


async def score(source, context):
    """Hidden cases count, and nothing that their calls give or raise is said."""
    right, said = 0, []
    for number, (given, wanted) in enumerate(CASES):
        async with context.sandbox.function(source, "f", timeout_s=5) as f:
            reply = await f(given)
        right += reply.value == wanted
        if number < SHOWN:
            said.append(f"{given}: {reply.error or reply.value}")
    context.state["scores"] = [*context.state.get("scores", []), right]
    return f"{said} public; scores {context.state['scores']} for problem {context.problem.id}"


SPY = "def f(x):\\n    print('it was', x)\\n    open('seen', 'a').write(x)\\n    raise ValueError(x)"
CALLS = [
    ("score", {"source": SPY}),
    ("list_files", {}),
    ("python_expression", {"expression": "import os, sys; print(os.listdir('.'), sys.argv)"}),
    ("score", {"source": "def f(x):\\n    return x[::-1]"}),
    ("submit_answer", {"answer": "done"}),
]
TOOLS = (
    tool("score", "Score a function f.", {"source": {"type": "string"}}, score), PythonExpression(), ListFiles(),
)
'''
    + TASK
)
COUNTS = (
    HEAD
    + """
CALLS = [("count", {}), ("odd", {}), ("count", {}), ("submit_answer", {"answer": "done"})]
TOOLS = tuple(
    tool for tool in McpServer(command=["python", Path(__file__).with_name("server.py")]).tools
    if tool.name in ("count", "odd", "crash")
)
"""
    + TASK
)
REMEMBERS = (
    HEAD
    + """
import os

CALLS = [("count", {}), ("count", {}), ("submit_answer", {"answer": "done"})]


class Count:
    name, description, input_schema = "count", "Count.", {"type": "object"}

    def __init__(self):
        self.calls = 0

    def __call__(self, input, context):
        self.calls += 1
        return f"call {self.calls}, {os.environ['SALT']}"
"""
    + TASK.replace("class Spec:", "class Spec:\n    def __init__(self):\n        self.count = Count()\n").replace(
        "return *TOOLS,", "return self.count,"
    )
)
COMMON = ("model=simulated", "runs.count=2", "sandbox.pool=1")
ONE = (*COMMON, "runs.count=1")


def conversations(result: CellResult) -> list[list[str]]:
    """What was said back in each run, in order."""
    turns = [
        [turn.reply or () for turn in run.rollout.turns] for run in sorted(result.runs, key=lambda run: run.number)
    ]
    return [[str(block["content"]) for reply in run for block in reply] for run in turns]


def files(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_text("utf-8", errors="replace") for path in paths}


def cut(store: Path, lines: int) -> int:
    """Take so many lines off the end of every record; how many records there are."""
    paths = sorted(store.rglob("[0-9]*.jsonl"))
    for path in paths:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-lines]))
        assert not load(path).complete
    return len(paths)


def forget(name: str) -> None:
    """Let the next launch load the task anew."""
    load_plugin.cache_clear()
    for module in [module for module in sys.modules if module.startswith(f"{NAMESPACE}.{name}")]:
        del sys.modules[module]


async def test_the_hidden_half_of_a_score_tool_never_reaches_the_conversation(own_task: Write, tmp_path: Path):
    """Nor that of a run that was resumed, which has the state that it had."""
    name, out = own_task(source=SCORE), tmp_path / "out"
    whole = await launch(out / "a", f"task={name}", *COMMON, store=out / "store")
    assert [run.outcome for run in whole.runs] == [Outcome.PASSED] * 2
    for said in conversations(whole):
        assert "ValueError: visible-1234" in said[0] and "4321-elbisiv" in said[3]
        assert "scores [0] for problem 0" in said[0] and "scores [0, 2]" in said[3]
        assert said[1] == "There are no files." and "seen" not in said[2]
    assert cut(out / "store", 3) == 2  # the end and the submission, and the reply to the second score
    again = await launch(out / "b", f"task={name}", *COMMON, store=out / "store")
    assert 0 < again.source.budget.output_tokens < whole.source.budget.output_tokens
    assert (out / "b" / "runs.jsonl").read_bytes() == (out / "a" / "runs.jsonl").read_bytes()
    assert conversations(again) == conversations(whole)
    found = files(out)
    assert any("visible-1234" in text for text in found.values()), "the search finds what is there"
    assert [name for name, text in found.items() if re.search("hidden-4711|1174-neddih", text)] == []


async def test_a_rollout_that_starts_over_has_fresh_tools(own_task: Write, tmp_path: Path, monkeypatch):
    """A tool that counts on itself, and says what differs when it is called again."""
    name = own_task(source=REMEMBERS)
    monkeypatch.setenv("SALT", "then")
    await launch(tmp_path / "a", f"task={name}", *ONE, store=tmp_path / "store")
    cut(tmp_path / "store", 2)
    monkeypatch.setenv("SALT", "now")
    watcher = Watcher()
    second = await launch(tmp_path / "b", f"task={name}", *ONE, store=tmp_path / "store", view=watcher)
    assert sum("starts over" in note for note in watcher.notes) == 1
    assert conversations(second) == [["call 1, now", "call 2, now"]]


async def test_a_record_goes_on_with_the_state_of_its_turns():
    def counted(at, context):
        context.state[at] = context.state.get(at, 0) + 1
        return f"call {context.state[at]}"

    look = tool("look", "Look.", {"at": {"type": "integer"}}, counted)
    script = [message(call("look", {"at": 1})), message(call("look", {"at": 1})), message(SUBMIT)]
    whole = await played(*script, look=look).roll_out()
    resumed = await played(*script[1:], look=look, past=whole.turns[:1]).roll_out()
    assert whole.ending is Ending.SUBMITTED and resumed.turns == whole.turns
    assert [turn.reply[0]["content"] for turn in whole.turns[:2]] == ["call 1", "call 2"]
    assert Asked(tools=(look, SubmitAnswer({}))).tools[0] is look


def put_server(tmp_path: Path, name: str) -> Path:
    return Path(shutil.copy(mcp_tools.__file__, tmp_path / "tasks" / name / "server.py"))


async def test_tools_of_a_server_are_recorded_and_end_with_the_rollout(own_task: Write, tmp_path: Path):
    pytest.importorskip("mcp")
    name = own_task(source=COUNTS)
    server = put_server(tmp_path, name)
    first = await launch(tmp_path / "a", f"task={name}", *COMMON, store=tmp_path / "store")
    said = conversations(first)
    assert [[words.split()[0] for words in run] for run in said] == [["1", "that", "2"]] * 2
    processes = {int(run[0].split()[3]) for run in said}
    assert len(processes) == 2 and not any(Path(f"/proc/{process}").exists() for process in processes)
    again = await launch(tmp_path / "b", f"task={name}", *COMMON, store=tmp_path / "store")
    assert again.source.budget.output_tokens == 0 and conversations(again) == said
    server.write_text(server.read_text() + "\n# another server\n")
    changed = await launch(tmp_path / "c", f"task={name}", *COMMON, store=tmp_path / "store")
    assert changed.source.budget.output_tokens > 0, "the key of rollouts holds the server's file"


async def test_a_server_that_crashes_ends_the_run_as_error_in_one_sentence(own_task: Write, tmp_path: Path):
    pytest.importorskip("mcp")
    name = own_task(source=COUNTS.replace('("odd", {})', '("crash", {})'))
    put_server(tmp_path, name)
    result = await launch(tmp_path / "a", f"task={name}", *ONE, store=tmp_path / "store")
    assert [run.outcome for run in result.runs] == [Outcome.ERROR]
    for run in result.runs:
        assert "ended while it was asked for crash (its last line: out of cheese)" in run.rollout.detail
        assert "\n" not in run.rollout.detail


async def test_the_function_of_a_tool_is_part_of_the_key(own_task: Write, tmp_path: Path):
    name = own_task(source=SCORE)
    await launch(tmp_path / "a", f"task={name}", *ONE, store=tmp_path / "store")
    path = tmp_path / "tasks" / name / "__init__.py"
    path.write_text(path.read_text().replace("public; scores", "public, with the scores"))
    forget(name)
    changed = await launch(tmp_path / "b", f"task={name}", *ONE, store=tmp_path / "store")
    assert changed.source.budget.output_tokens > 0
