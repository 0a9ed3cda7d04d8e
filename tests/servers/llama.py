"""How llama.cpp's own server differs from the maker's: ids, counts, model list, errors, and the shapes of cut calls."""

from __future__ import annotations

import hashlib
import json
from typing import Any

TRAIN = 32_768
CUTS = ("text", "empty", "half", "whole")
"""What becomes of a call that the limit cuts: text, as long as its name is not known; a call with an empty or half an
input; a whole call of which only the closing fence is missing."""


def dressed(message: dict[str, Any], run: int, whole: dict[str, Any], cut_as: str, again: int) -> dict[str, Any]:
    """The answer as that server writes it. `again`: how often the same request was answered before."""
    content = [dict(block) for block in _cut_calls(message, whole, cut_as)]
    for block in content:
        if block["type"] == "tool_use":
            block["id"] = _id(run, block["id"])
    usage = message["usage"]
    cached = usage["input_tokens"] * 3 // 4  # a server of one user finds most of a prompt in its cache
    counted = usage["output_tokens"]
    counts = {
        "input_tokens": usage["input_tokens"] - cached,
        "cache_read_input_tokens": cached,
        # The same call has not always the same number of tokens: spaces and line feeds go one way or the other.
        "output_tokens": counted if message["stop_reason"] == "max_tokens" else counted + again,
    }
    return {**message, "content": content, "id": f"chatcmpl-{_id(run, message['id'])}", "usage": counts}


def _id(run: int, name: str) -> str:
    """32 letters and digits; they begin with the run, so that the server knows the conversation again."""
    return f"run{run}x{hashlib.sha256(name.encode()).hexdigest()}"[:32]


def _cut_calls(message: dict[str, Any], whole: dict[str, Any], cut_as: str) -> list[dict[str, Any]]:
    *before, last = message["content"] or [{"type": "text", "text": ""}]
    if message["stop_reason"] != "max_tokens" or last["type"] != "tool_use":
        return list(message["content"])
    meant = whole["content"][len(before)]
    if cut_as == "text":
        return [*before, {"type": "text", "text": '```json\n{"na'}]
    if cut_as == "half":
        return [*before, {**last, "input": {name: str(value)[:3] for name, value in meant["input"].items()}}]
    return [*before, meant if cut_as == "whole" else last]


def models(names: list[str], context: int | None) -> dict[str, Any]:
    """`GET /v1/models`: two lists in one. A single id is not served."""
    meta = {"n_ctx_train": TRAIN, "n_ctx": context or TRAIN}
    return {
        "models": [{"name": name, "model": name, "type": "model", "capabilities": ["completion"]} for name in names],
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 1, "owned_by": "llamacpp", "meta": meta} for name in names],
    }


def failure(status: int, message: str, **more: Any) -> dict[str, Any]:
    """The body of a refusal."""
    kinds = {400: "invalid_request_error", 404: "not_found_error", 503: "unavailable_error"}
    return {"error": {"code": status, "message": message, "type": kinds.get(status, "server_error")} | more}


def too_long(prompt: int, context: int) -> dict[str, Any]:
    """The body of the refusal of a prompt that does not fit."""
    said = f"request ({prompt} tokens) exceeds the available context size ({context} tokens), try increasing it"
    return failure(400, said, type="exceed_context_size_error", n_prompt_tokens=prompt, n_ctx=context)


def fingerprint(body: dict[str, Any]) -> str:
    """A request, to know it again."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
