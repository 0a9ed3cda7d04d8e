"""Checks of methods, tools, files and scripted agents of a task. The `wrong_…` ones return what is wrong, or None."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from evalkit.sandbox.local.workspace import MAX_DEPTH, MAX_ENTRIES, MAX_PATH
from evalkit.task.grade import preview
from evalkit.task.near_misses import near_miss
from evalkit.task.optional_parts import TOOL, WANTED, misfits, preload_of, shown_schema_of
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens
from evalkit.task.tools import McpServer
from evalkit.util.text import counted

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
"""What the Messages API takes."""
NAME_BYTES = 255
"""Of the longest name that a file system holds."""
_PAGE = 4_096


def takes(method: Callable[..., Any], arguments: int) -> bool:
    """Whether it can be called with so many positional arguments."""
    try:
        inspect.signature(method).bind(*range(arguments))
    except TypeError:
        return False
    return True


def wrong_tools(tools: Sequence[Any], *, needs_submission: bool = True) -> str:
    """Why no model could use these tools, as the end of a sentence; empty if it could."""
    if said := next(filter(None, map(_wrong_tool, tools)), ""):
        return said
    names = Counter(tool.name for tool in tools)
    for name, count in names.items():
        if count > 1:
            return f"{count} tools of the name {name}, and the model could call only one: rename the others"
    if needs_submission and "submit_answer" not in names:
        return (
            "no submit_answer among its tools, so that no run can pass: add SubmitAnswer(answer_schema), or set "
            "needs_submission = False if the files in artifacts are graded without it"
        )
    return ""


def _wrong_tool(tool: Any) -> str:
    if inspect.isclass(tool):
        return f"the class {tool.__name__} as a tool: give an instance of it, {tool.__name__}(…)"
    if isinstance(tool, McpServer):
        return "an McpServer as a tool: give what it offers, *McpServer(…).tools"
    missing = [part for part in ("name", "description", "input_schema", "__call__") if not hasattr(tool, part)]
    if missing:
        return f"a tool without {', '.join(missing)}: {type(tool).__name__}"
    if not isinstance(tool.name, str) or not TOOL_NAME.fullmatch(tool.name):
        shown = preview(tool.name)
        return f"a tool with the name {shown}, which the API refuses: use up to 128 letters, digits, _ and -"
    if not isinstance(tool.description, str) or not tool.description.strip():
        return f"the tool {tool.name} without a description: say in words what it does"
    if not _takes_two(tool):
        want = "async def __call__(self, input, context)"
        return f"the tool {tool.name}, whose __call__ takes other arguments: it must be `{want}`"
    return _wrong_parts(tool) or _wrong_preload(tool)


def _wrong_parts(tool: Any) -> str:
    if found := near_miss(TOOL, tool):
        name, part = found
        return f"the tool {tool.name} with {name}, which means nothing: did you mean {part.name} ({part.meaning})?"
    for part, value in misfits(TOOL, tool):
        return f"the tool {tool.name} with {part.name} as {type(value).__name__}: use {WANTED[part.kind]}"
    for what, schema in (("input_schema", tool.input_schema), ("shown_schema", shown_schema_of(tool))):
        if said := wrong_schema(schema):
            return f"the tool {tool.name}, whose {what} {said}"
    return ""


def _wrong_preload(tool: Any) -> str:
    for module in preload_of(tool):
        if not isinstance(module, str) or not all(part.isidentifier() for part in module.split(".")):
            return f"the tool {tool.name} with preload {preview(module)}: name modules, such as pandas or scipy.stats"
    return ""


def _takes_two(tool: Any) -> bool:
    try:
        inspect.signature(tool).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # built in: it has no signature
        return True
    return True


def wrong_schema(schema: Any) -> str:
    """Why the API would refuse this schema of a tool's input; empty if it would not."""
    if not isinstance(schema, Mapping):
        return f"is {type(schema).__name__}: use a JSON Schema as a dict"
    try:
        text = json.dumps(schema, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        return f"is not JSON ({error}): use dict, list, str, int, float, bool and None"
    if schema.get("type") != "object":
        return f'has the type {preview(schema.get("type"))}: use {{"type": "object", "properties": …}}'
    return _schema_fault(text)


@cache
def _schema_fault(text: str) -> str:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(json.loads(text))
    except SchemaError as error:
        where = ".".join(map(str, error.absolute_path)) or "it"
        return f"is not JSON Schema ({where}: {error.message[:200]}): see json-schema.org, draft 2020-12"
    return ""


def wrong_patterns(patterns: Sequence[Any], *, needs_submission: bool = True) -> str:
    """Why these are no patterns of files in a workspace, as the end of a sentence; empty if they are."""
    for pattern in patterns:
        shown = preview(pattern)
        if not isinstance(pattern, str):
            return f"artifacts with {shown}, which is {type(pattern).__name__}: use patterns as text, such as out.csv"
        parts = pattern.split("/")
        if pattern.startswith("/") or ".." in parts:
            return f"the artifact {shown}, which lies outside the workspace: use a relative path without .."
        if "\\" in pattern:
            return f"the artifact {shown}: use / between folders, {preview(pattern.replace(chr(92), '/'))}"
        if pattern.endswith("/") and pattern.strip("/"):
            return f"the artifact {shown}, which is a folder: name its files, {preview(pattern + '**')} for all of them"
        if "" in parts or "." in parts or "\0" in pattern or len(parts) > MAX_DEPTH:
            return f"the artifact {shown}, which no file can be called: use a pattern such as out.csv or src/**/*.py"
    if not patterns and not needs_submission:
        return "needs_submission = False and no artifacts, so that nothing is graded: name the files in artifacts"
    return ""


def wrong_files(files: Any, disk_mb: int | None = None) -> str:
    """Why a workspace cannot hold these files, as the end of a sentence; empty if it can."""
    if not isinstance(files, Mapping):
        return f"files as {type(files).__name__}: use a mapping of relative path → bytes"
    for path, content in files.items():
        if said := _wrong_path(path):
            return said
        if not isinstance(content, bytes):
            fix = ": encode it, text.encode()" if isinstance(content, str) else ": give bytes"
            return f"the file {preview(path)} as {type(content).__name__}{fix}"
    return _clash(files) or _too_much(files, disk_mb)


def _wrong_path(path: Any) -> str:
    shown = preview(path)
    if not isinstance(path, str):
        return f"a file whose path is {type(path).__name__}: use a relative path as text"
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        return f"the file {shown}, which lies outside the workspace: use a relative path without .."
    if not path or "" in parts or "." in parts or "\0" in path:
        return f"the file {shown}, which no file can be called: use a relative path such as data/input.csv"
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        return f"the file {shown}, whose name is not valid text: use a name that UTF-8 can hold"
    if max(sizes) > NAME_BYTES or len(path.encode()) > MAX_PATH or len(parts) > MAX_DEPTH:
        return (
            f"the file {shown}, whose path is too long: use up to {NAME_BYTES} bytes a name, {MAX_PATH:,} in all, "
            f"and {MAX_DEPTH} levels"
        )
    return ""


def _clash(files: Mapping[str, bytes]) -> str:
    for path in files:
        parts = path.split("/")
        for length in range(1, len(parts)):
            if (folder := "/".join(parts[:length])) in files:
                return f"{preview(folder)} as a file and as the folder of {preview(path)}: rename one of them"
    return ""


def _too_much(files: Mapping[str, bytes], disk_mb: int | None) -> str:
    folders = {path[:end] for path in files for end, letter in enumerate(path) if letter == "/"}
    if len(files) + len(folders) > MAX_ENTRIES:
        found = f"{counted(len(files), 'file')} in {counted(len(folders), 'folder')}"
        return f"{found}, more than the {MAX_ENTRIES:,} that a workspace holds: put them into an archive"
    size = sum(-(-len(content) // _PAGE) * _PAGE for content in files.values())
    if disk_mb is not None and size > disk_mb << 20:
        return (
            f"{counted(len(files), 'file')} of {size / (1 << 20):.1f} MiB, more than sandbox.disk_mb={disk_mb}: "
            f"set sandbox.disk_mb={(size >> 20) + 1}, or give less"
        )
    return ""


def wrong_agents(agents: Sequence[Any]) -> str:
    """Why nobody can play these agents, as the end of a sentence; empty if somebody can."""
    if not agents:
        return "no agents"
    for agent in agents:
        if not isinstance(agent, ScriptedAgent):
            return f"an item as {type(agent).__name__} where ScriptedAgent is wanted"
        if not _number(agent.weight) or agent.weight < 0:
            return f"the agent {preview(agent.name)} with the weight {preview(agent.weight)}: use a number from 0 up"
        if said := next(filter(None, map(_wrong_turn, agent.turns)), ""):
            return f"the agent {preview(agent.name)} with {said}"
    return "" if sum(agent.weight for agent in agents) > 0 else "only agents of weight 0"


def _wrong_turn(turn: Any) -> str:
    if not isinstance(turn, ScriptedTurn):
        return f"a turn as {type(turn).__name__} where ScriptedTurn is wanted"
    if not isinstance(turn.tokens, Tokens) or not _number(turn.tokens.median) or not _number(turn.tokens.spread):
        return "a turn whose tokens are not Tokens(median, spread) of numbers"
    if not isinstance(turn.text, str):
        return f"a turn whose text is {type(turn.text).__name__}"
    return next(filter(None, map(_wrong_call, turn.calls)), "")


def _wrong_call(call: Any) -> str:
    if not isinstance(call, Mapping) or set(call) != {"name", "input"} or not isinstance(call["name"], str):
        return f'a call that is no {{"name": …, "input": …}}: {preview(call)}'
    try:
        json.dumps(call["input"])
    except (TypeError, ValueError, RecursionError) as error:
        return f"a call of {call['name']} whose input is not JSON ({error})"
    return ""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
