"""`tool` makes a tool of a function, and says in one sentence why it cannot."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from functools import partial

import pytest

import evalkit
from evalkit import UserError, tool
from evalkit.task import author_code
from evalkit.task.checks import wrong_tools
from evalkit.task.tools import SubmitAnswer, ToolContext
from evalkit.task.tools.workbench import Workbench
from evalkit.util.errors import TaskError

AT = {"at": {"type": "integer"}}


async def told(made, input: dict, **bench) -> str:
    return (await author_code.call_tool(made, input, Workbench(None, 5, **bench))).content


def whole(input, context):
    return f"{input['at']} of {context.timeout_s:g}"


async def named(at):
    await asyncio.sleep(0)
    return f"at {at}"


def with_context(context, at, of=7):
    context.state["calls"] = context.state.get("calls", 0) + 1
    return f"{at} of {of}, call {context.state['calls']}"


def test_properties_alone_are_a_schema_that_requires_them_all():
    made = tool("look", "Look.", AT, named)
    assert made.input_schema == {
        "type": "object", "properties": AT, "required": ["at"], "additionalProperties": False,
    }  # fmt: skip
    assert wrong_tools((made, SubmitAnswer({}))) == ""


async def test_a_function_takes_the_whole_input_or_its_properties():
    assert await told(tool("look", "Look.", AT, whole), {"at": 1}) == "1 of 5"
    assert await told(tool("look", "Look.", AT, named), {"at": 1}) == "at 1"
    optional = {"type": "object", "properties": {**AT, "of": {"type": "integer"}}, "required": ["at"]}
    assert await told(tool("look", "Look.", optional, with_context), {"at": 1}) == "1 of 7, call 1"
    assert await told(tool("look", "Look.", AT, partial(with_context, of=9)), {"at": 1}) == "1 of 9, call 1"
    assert await told(tool("look", "Look.", AT, lambda **all: str(all)), {"at": 1}) == "{'at': 1}"


async def test_state_is_shared_by_the_calls_of_one_rollout_alone():
    made = tool("look", "Look.", AT, with_context)
    one, other = Workbench(None, 5), Workbench(None, 5)
    said = [(await author_code.call_tool(made, {"at": 1}, bench)).content for bench in (one, other, one)]
    assert said == ["1 of 7, call 1", "1 of 7, call 1", "1 of 7, call 2"]


async def test_a_context_without_a_sandbox_says_how_to_give_it_one():
    with pytest.raises(UserError, match=r"sandbox=…"):
        ToolContext(None, 5).sandbox.session()


async def test_an_exception_points_at_the_function():
    def broken(at):
        raise ValueError("odd")

    with pytest.raises(TaskError) as raised:
        await told(tool("look", "Look.", AT, broken), {"at": 1})
    assert "ValueError: odd" in str(raised.value) and "test_functions.py" in raised.value.traceback


def needs_more(at, more):
    return ""


def nothing():
    return ""


def by_position(at, /):
    return ""


MISTAKES = [
    ((AT, nothing), r'"def nothing\(\):" \(.*\) cannot be the tool \'look\': it does not take at, which is a property '
     r"of the schema; write def nothing\(at, context\), or \(input, context\)"),
    ((AT, needs_more), r'"def needs_more\(at, more\):".*: it takes more, which is no property of the schema'),
    ((AT, by_position), r"it takes at by position alone"),
    (({"type": "object", "properties": AT}, named), r"it needs at, which the schema does not require: give it a def"),
    (({"context": {}}, lambda context: ""), r"has a property called context"),
    ((AT, "look"), r"tool\('look', …\) gets str as its function: give a function"),
    ((AT, dict), r"gets dict as its function"),
    (([], named), r"has a schema of list: give a JSON Schema as a dict"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "said"), MISTAKES)
def test_what_cannot_be_a_tool_is_refused_with_the_authors_line(given, said):
    with pytest.raises(UserError) as raised:
        tool("look", "Look.", *given)
    assert re.search(said, str(raised.value)) and "\n" not in str(raised.value)


def test_evalkit_tool_can_be_called_after_the_module_of_earlier_plugins_was_imported(monkeypatch):
    monkeypatch.setitem(vars(evalkit), "tool", evalkit.tool)  # what is there before, and again afterwards
    monkeypatch.delitem(sys.modules, "evalkit.tool", raising=False)
    importlib.import_module("evalkit.tool")
    from evalkit.tool import Tool

    assert evalkit.tool("look", "Look.", AT, named).name == "look" and Tool.__name__ == "Tool"
