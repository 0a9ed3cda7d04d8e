"""Shape check of Messages API responses: separates faults of the server from faults of the model.

The server answers for the frame: content blocks with their types and texts, a stop reason, counts of tokens. What
stands inside a tool call is the model's doing: an input that is not an object, a name that no tool has, a call without
an id. It is kept, answered with an error that the model can read, and counts in the rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.rollout.record import COUNTS, Json, count

_TEXTS = {"text": "text", "thinking": "thinking", "redacted_thinking": "data"}
"""What a block of each type must hold as text. Other types are taken as they come: a provider may invent some."""


def fault(message: Json) -> str:
    """What is wrong with a response, as the end of a sentence; empty if nothing is."""
    if not isinstance(message, Mapping):
        return "its body is not a Messages API response"
    if message.get("type") == "error":
        return f"its body reports {_shown(message.get('error'))}"
    content = message.get("content")
    if not isinstance(content, list):
        return f"its content is not a list of blocks but {_shown(content)}"
    return next(filter(None, map(_block_fault, content)), "") or _frame_fault(message)


def _block_fault(block: Json) -> str:
    if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
        return f"an entry of its content is not a content block: {_shown(block)}"
    name = _TEXTS.get(block["type"])
    if name and not isinstance(block.get(name), str):
        return f"the {name} of a {block['type']} block is not text but {_shown(block.get(name))}"
    return ""


def _frame_fault(message: Mapping[str, Json]) -> str:
    for name in ("stop_reason", "model"):
        if not isinstance(message.get(name), str | None):
            return f"its {name} is not text but {_shown(message[name])}"
    for name in ("usage", "stop_details"):
        if not isinstance(message.get(name), Mapping | None):
            return f"its {name} is not an object but {_shown(message[name])}"
    usage = message.get("usage") or {}
    for name in COUNTS:
        if usage.get(name) is not None and count(usage[name]) is None:
            return f"its usage.{name} is not a whole number but {_shown(usage[name])}"
    return ""


def _shown(value: Any) -> str:
    return repr(value)[:100]
