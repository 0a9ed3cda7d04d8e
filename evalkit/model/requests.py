"""The conversation as the next request sends it: from a record that stays as it came to what the Messages API accepts.

A pure function of the record. Models write, and lenient servers pass on, what the API refuses to read again; were it
sent back, the refusal (HTTP 400) would look like the provider's fault and the run would leave the pass rate. Every turn
is one assistant message, whatever is left of it: backends count them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.rollout.record import Json, Rollout, Turn

SILENCE = "(no content)"
"""Stands for a message that holds nothing the API accepts: it refuses empty and blank ones."""
MUTE = "(failed without a message)"
"""Stands for the empty result of a tool call that failed: the API refuses those."""
UNANSWERED = "(not executed)"

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_THINKING = ("thinking", "redacted_thinking")


def conversation(rollout: Rollout) -> list[dict[str, Json]]:
    """The messages of the request that follows the rollout's turns."""
    messages: list[dict[str, Json]] = [{"role": "user", "content": _spoken(rollout.prompt)}]
    taken: set[str] = set()
    for turn in rollout.turns:
        ids = _call_ids(turn, len(messages), taken)
        messages.append({"role": "assistant", "content": _said(turn, ids)})
        if reply := _reply(turn, ids):
            messages.append({"role": "user", "content": reply})
    return messages


def encodable(value: Any) -> Any:
    """`value` with every unpaired surrogate replaced by U+FFFD: JSON can hold them, UTF-8 cannot."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {encodable(key): encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(item) for item in value]
    return value


def _call_ids(turn: Turn, place: int, taken: set[str]) -> list[str]:
    """An id for every tool call of a turn: its own, or a new one where the API would refuse that, or had it before."""
    ids = []
    for number, call in enumerate(_calls(turn)):
        own = call.get("id")
        if not isinstance(own, str) or not _ID.fullmatch(own) or own in taken:
            own = f"toolu_{place}_{number}"
            while own in taken:
                own += "_"
        taken.add(own)
        ids.append(own)
    return ids


def _calls(turn: Turn) -> list[Mapping[str, Json]]:
    return [block for block in turn.content if block.get("type") == "tool_use"]


def _said(turn: Turn, ids: Sequence[str]) -> list[dict[str, Json]]:
    """The response without what the API would not take back."""
    blocks = list(_accepted(turn, iter(ids)))
    if turn.stop_reason == "pause_turn" and blocks and blocks[-1].get("type") == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()  # the model goes on right behind it
    if not blocks or blocks[-1].get("type") in _THINKING:
        blocks.append(_text(SILENCE))
    return blocks


def _accepted(turn: Turn, ids: Iterator[str]) -> Iterator[dict[str, Json]]:
    unfinished = _unfinished(turn)
    for block in turn.content:
        kind = block.get("type")
        if kind in _THINKING:
            yield dict(block)  # signed: it goes back untouched
        elif kind == "tool_use":
            yield _bare(block) | {"id": next(ids), "name": _name(block.get("name")), "input": _input(block)}
        elif block.get("id") in unfinished or (kind == "text" and not block["text"].strip()):
            continue
        else:
            yield _bare(block)


def _unfinished(turn: Turn) -> list[Json]:
    """Ids of calls that the server should have executed and never did; after a pause, or calls of ours, it may yet."""
    if turn.stop_reason == "pause_turn" or _calls(turn):
        return []
    finished = [block.get("tool_use_id") for block in turn.content]
    used = [block.get("id") for block in turn.content if str(block.get("type")).endswith("_tool_use")]
    return [one for one in used if one is not None and one not in finished]


def _bare(block: Mapping[str, Json]) -> dict[str, Json]:
    """Without marks for the cache: the API counts them, and they are ours to set."""
    return {key: value for key, value in block.items() if key != "cache_control"}


def _name(name: Json) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name if isinstance(name, str) else "")[:128] or "_"


def _input(call: Mapping[str, Json]) -> Json:
    """The input as an object; anything else in the form that the API's maker recommends for what is not JSON."""
    value = call.get("input", {})
    if isinstance(value, dict):
        return value
    return {"INVALID_JSON": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}


def _reply(turn: Turn, ids: Sequence[str]) -> list[dict[str, Json]]:
    """What is said back: the results first, one for every call, then text."""
    waiting = [(call.get("id"), own) for call, own in zip(_calls(turn), ids, strict=True)]
    results, texts = [], []
    for block in turn.reply or ():
        if block.get("type") != "tool_result":
            texts.append(_text(_spoken(block.get("text", ""))))
            continue
        call = next((call for call in waiting if call[0] == block.get("tool_use_id")), None)
        if call is not None:
            waiting.remove(call)
            results.append(_result(block, call[1]))
    results += [_result({"content": UNANSWERED, "is_error": True}, own) for _, own in waiting]
    return [*results, *texts]


def _result(block: Mapping[str, Json], own: str) -> dict[str, Json]:
    content = block.get("content")
    if not block.get("is_error"):
        return {"type": "tool_result", "tool_use_id": own, "content": content}
    silent = not content or (isinstance(content, str) and not content.strip())
    return {"type": "tool_result", "tool_use_id": own, "content": MUTE if silent else content, "is_error": True}


def _text(text: str) -> dict[str, Json]:
    return {"type": "text", "text": text}


def _spoken(text: str) -> str:
    return text if text.strip() else SILENCE
