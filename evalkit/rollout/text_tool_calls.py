"""Tool calls that arrived as text: a server whose chat template does not parse them makes a good model look bad."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalkit.rollout.record import Json, Rollout, Turn

LOOKED_AT, OBJECTS = 20_000, 20
"""Characters of an answer, and objects in it, that are looked at."""

_MARKS = re.compile(
    r"<tool_call>|<\|tool_calls?|\[TOOL_CALLS\]|<\|python_tag\|>|<function[=_ ]|<function_calls>|<invoke name="
    r"|<｜tool▁call"
)
"""How the templates of open models begin a call."""
_NAMES = ("name", "function", "tool", "tool_name", "action")


def calls_as_text(rollouts: Iterable[Rollout]) -> tuple[int, int]:
    """How many answers hold what looks like a tool call as text, and how many answers there are.

    Answers that a limit cut are left out: how much of one is on record depends on the limit that it was sampled under.
    """
    whole = [(turn, rollout.tools) for rollout in rollouts for turn in rollout.turns if not turn.cut]
    return sum(called_in_text(turn, tools) for turn, tools in whole), len(whole)


def called_in_text(turn: Turn, tools: Sequence[Mapping[str, Json]]) -> bool:
    """Whether a turn calls nothing, and its text looks as if it wanted to call one of `tools`."""
    if any(block.get("type") == "tool_use" for block in turn.content):
        return False
    text = "\n".join(block["text"] for block in turn.content if block.get("type") == "text")[:LOOKED_AT]
    return bool(_MARKS.search(text)) or any(_is_call(value, tools) for value in _objects(text))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects in a text, fenced or not."""
    decoder, place = json.JSONDecoder(), text.find("{")
    for _ in range(OBJECTS):
        if place < 0:
            return
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place = text.find("{", place + 1)
            continue
        yield value
        place = text.find("{", end)


def _is_call(value: Mapping[str, Json], tools: Sequence[Mapping[str, Json]]) -> bool:
    """Whether an object names a tool, or is exactly what one takes."""
    inner = value.get("function")
    named = [value.get(name) for name in _NAMES] + ([inner.get("name")] if isinstance(inner, dict) else [])
    return any(tool.get("name") in named or _fits(value, tool.get("input_schema") or {}) for tool in tools)


def _fits(value: Mapping[str, Json], schema: Mapping[str, Json]) -> bool:
    needed = set(schema.get("required") or ())
    return bool(needed) and needed <= set(value) <= set(schema.get("properties") or ())
