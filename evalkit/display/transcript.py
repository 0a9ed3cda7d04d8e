"""A turn of a conversation as lines to read: what the model said and called, and what it was answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.rollout.record import Turn
from evalkit.util.text import counted, plain

BLOCK_LINES = 30
"""Lines of one content block that are shown; the rollout on disk has all of them."""


def turn_lines(run: str, turn: Turn) -> Iterator[str]:
    """`--- Run 3: 412 output tokens, tool_use`, then every block with a sign for who wrote it."""
    cut = ", cut by the limit" if turn.cut_tokens is not None else ""
    reason = plain(turn.stop_reason, one_line=True, limit=40)
    yield f"--- {run}: {counted(turn.output_tokens, 'output token')}, {reason}{cut}"
    for block in turn.content:
        yield from _shown("  ", _said(block))
    for block in turn.reply or ():
        yield from _shown("  < ", _answered(block))


def _said(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return str(block.get("text", ""))
        case "thinking":
            return f"(thinking) {block.get('thinking', '')}"
        case "tool_use":
            return f"> {block.get('name')}\n{_arguments(block.get('input'))}"
        case other:
            return f"({other})"


def _arguments(value: Any) -> str:
    """Arguments with their text as text: code is read more easily than its JSON."""
    if not isinstance(value, Mapping):
        return _json(value)
    lines = [f"{name}: {item if isinstance(item, str) else _json(item)}" for name, item in value.items()]
    return "\n".join(lines)


def _answered(block: Mapping[str, Any]) -> str:
    if block.get("type") != "tool_result":
        return _said(block)
    content = block.get("content")
    if isinstance(content, list):
        content = "\n".join(str(item.get("text", f"({item.get('type')})")) for item in content)
    return ("error: " if block.get("is_error") else "") + str(content)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(prefix: str, text: str) -> Iterator[str]:
    lines = plain(text, limit=20_000).rstrip("\n").split("\n")
    for line in lines[:BLOCK_LINES]:
        yield (prefix + line.replace("\t", "    "))[:2000].rstrip()
    if len(lines) > BLOCK_LINES:
        yield f"{prefix}… {counted(len(lines) - BLOCK_LINES, 'more line')}"
