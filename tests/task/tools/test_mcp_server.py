"""Tools of MCP servers: real processes, one for each rollout, and whose fault it is when one fails."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from evalkit import McpServer, SubmitAnswer, UserError
from evalkit.task import author_code
from evalkit.task.checks import wrong_tools
from evalkit.task.tools.workbench import Workbench
from evalkit.util.errors import TaskError
from tests.servers import mcp_tools

SERVER = Path(mcp_tools.__file__)
COUNTS = McpServer(command=["python", SERVER])

pytest.importorskip("mcp")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Kill servers that do not end by themselves at once, not after two seconds."""
    monkeypatch.setattr("mcp.client.stdio.PROCESS_TERMINATION_TIMEOUT", 0.1)


async def told(name: str, bench: Workbench, server: McpServer = COUNTS):
    tool = next(tool for tool in server.tools if tool.name == name)
    result = await author_code.call_tool(tool, {}, bench)
    return (result.content, "error") if result.is_error else result.content


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_its_tools_are_offered_like_any_other():
    assert [tool.name for tool in COUNTS.tools] == list(mcp_tools.NAMES)  # of several pages
    assert COUNTS.tools[0].description == "To count." and COUNTS.tools[0].input_schema == mcp_tools.OBJECT
    assert wrong_tools((*COUNTS.tools, SubmitAnswer({}))) == ""
    assert "give what it offers, *McpServer(…).tools" in wrong_tools((COUNTS, SubmitAnswer({})))


async def test_each_rollout_has_a_process_and_a_folder_of_its_own_that_end_with_it():
    one, other = Workbench(None, 5), Workbench(None, 5)
    await told("leave", one)
    said = [(await told("count", bench)).split() for bench in (one, other, one)]
    assert [words[0] for words in said] == ["1", "1", "2"]
    assert [words[-1] for words in said] == ["['left']", "[]", "['left']"]
    processes = {int(words[3]) for words in said}
    assert len(processes) == 2 and all(map(alive, processes))
    await asyncio.gather(one.aclose(), other.aclose())
    assert not any(map(alive, processes))


async def test_no_secret_of_the_evaluator_is_in_its_environment(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    bench = Workbench(None, 5)
    server = McpServer(command=["python", SERVER], env={"MODE": "fast"})
    seen = json.loads(await told("environment", bench, server))
    await bench.aclose()
    assert seen["MODE"] == "fast" and "PATH" in seen
    assert "ANTHROPIC_API_KEY" not in seen and "secret" not in json.dumps(seen)


async def test_what_it_says_goes_to_the_model():
    bench = Workbench(None, 5)
    assert await told("odd", bench) == ("that is odd", "error")
    assert await told("unknown", bench) == ("unknown is unknown", "error")
    assert await told("picture", bench) == "[image/png that is not shown: a tool gives text]"
    assert await told("structured", bench) == '{"total": 3}'
    await bench.aclose()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "crash",
            r"the MCP server python .*mcp_tools.py ended while it was asked for crash \(its last line: out",
        ),
        ("hang", r"had not answered hang after 0.3 s: let it answer within limits.tool_timeout_s"),
        ("garbage", r"answered garbage with what is no result"),
    ],
)
async def test_what_it_does_instead_is_a_fault_of_the_task(name, said):
    bench = Workbench(None, 0.3)
    with pytest.raises(TaskError, match=said) as raised:
        await told(name, bench)
    assert "\n" not in str(raised.value) and raised.value.traceback
    await bench.aclose()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["python", SERVER, "exit"], r"The MCP server python .* exit did not start: .*\(its last line: no licence\)"),
        (["python", SERVER, "mute"], r"did not start: it took too long"),
        (["python", SERVER, "empty"], r"offers no tools"),
        (["no-such-program"], r"The MCP server no-such-program did not start: .*No such file"),
        ("python server.py", r"give the program and its arguments as a list"),
        ([], r"give the program and its arguments as a list"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused_in_one_sentence(command, said):
    with pytest.raises(UserError, match=said) as raised:
        McpServer(command=command, timeout_s=0.5).tools  # noqa: B018
    assert "\n" not in str(raised.value)


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr("evalkit.task.tools.mcp_server.installed", lambda module: False)
    with pytest.raises(UserError, match=r"McpServer needs mcp, which is not installed: pip install 'mcp>=2.3'$"):
        McpServer(command=["python", "absent.py"]).tools  # noqa: B018
