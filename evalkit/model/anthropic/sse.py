"""Server-sent events of the Messages API: from a response to its events and back, unknown blocks and keys included."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.rollout.record import Json
from evalkit.util import bounded_json


class BrokenAnswer(Exception):
    """The events do not add up to a whole response: the connection was lost, or the provider reported an error."""


class Reported(BrokenAnswer):
    """The provider reported an error where an answer should be."""

    def __init__(self, error: Json, where: str) -> None:
        super().__init__(f"{where} reported {json.dumps(error)}")
        self.error = error


def read_events(text: str) -> dict[str, Json]:
    """The response that a stream describes, put together as it came. Raises `BrokenAnswer`.

    Raises `Reported` for an error that the stream states.
    """
    message: dict[str, Json] | None = None
    blocks: dict[int, _Block] = {}
    for event in _events(text):
        kind = event.get("type")
        if kind == "error" or (kind is None and event.get("error")):
            raise Reported(event.get("error"), "the stream")
        if kind == "message_start" and message is None:
            message = dict(_object(event, "message"))
        elif message is None or kind not in _PARTS:
            continue
        elif kind == "message_stop":
            return {**message, "content": [blocks[index].content() for index in sorted(blocks)]}
        elif kind == "message_delta":
            _finish(message, event)
        elif kind == "content_block_start" and _index(event) not in blocks:
            blocks[_index(event)] = _Block(_object(event, "content_block"))
        elif kind == "content_block_delta" and _index(event) in blocks:
            blocks[_index(event)].add(_object(event, "delta"))
        else:
            raise BrokenAnswer(f"the stream holds a {kind} out of order")
    raise BrokenAnswer("the stream ended before the response was complete")


_PARTS = ("message_start", "message_delta", "message_stop", "content_block_start", "content_block_delta")


def _events(text: str) -> Iterator[Mapping[str, Any]]:
    """Payloads of the events, in order, with their types, which some servers give in the `event:` line alone."""
    for chunk in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        lines = chunk.split("\n")
        data = "\n".join(line[5:].strip() for line in lines if line.startswith("data:"))
        kind = next((line[6:].strip() for line in lines if line.startswith("event:")), None)
        if data in ("", "[DONE]") or kind == "ping":  # a comment, a sign of life, or the end in another dialect
            continue
        try:
            event = bounded_json.loads(data)
        except ValueError:
            if kind == "error":
                raise Reported(data, "the stream") from None
            raise BrokenAnswer("the stream holds an event that is not JSON") from None
        if not isinstance(event, dict):
            raise BrokenAnswer("the stream holds an event that is not an object")
        if kind == "error" and "error" not in event:
            raise Reported(event, "the stream")
        yield event if kind is None or "type" in event else {"type": kind, **event}


def _object(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The part of an event that must be an object."""
    part = event.get(name)
    if not isinstance(part, dict):
        raise BrokenAnswer(f"the stream holds a {event.get('type')} without its {name}")
    return part


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    if type(index) is not int:
        raise BrokenAnswer(f"the stream holds a {event.get('type')} without its index")
    return index


def _finish(message: dict[str, Json], event: Mapping[str, Any]) -> None:
    """Merge a `message_delta`: its usage counts are cumulative, everything else replaces what was there.

    A count that is null says nothing, and a null in place of a whole part does not count as one.
    """
    delta, now = ({} if event.get(name) is None else _object(event, name) for name in ("delta", "usage"))
    usage = message.get("usage")
    if not isinstance(usage, Mapping | None):
        raise BrokenAnswer("the stream holds a usage that is not an object")
    rest = {key: value for key, value in event.items() if key not in ("type", "delta", "usage")}
    counted = {key: value for key, value in now.items() if value is not None}
    message.update({**rest, **delta, "usage": {**(usage or {}), **counted}})


_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


class _Block:
    """One content block while it grows."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self._block = dict(start)
        self._pieces: list[str] = []

    def add(self, delta: Mapping[str, Any]) -> None:
        """Append what came. Strings and lists grow, anything else is replaced."""
        if delta.get("type") == "input_json_delta":
            self._pieces.append(_piece(delta, "partial_json"))
        elif delta.get("type") == "citations_delta":
            there = self._block.get("citations")
            self._block["citations"] = [*(there if isinstance(there, list) else ()), delta.get("citation")]
        else:
            if delta.get("type") in _DELTAS:
                _piece(delta, _DELTAS[delta["type"]])
            for key, value in delta.items():
                if key != "type":
                    old = self._block.get(key)
                    grows = type(old) is type(value) and isinstance(value, str | list)
                    self._block[key] = old + value if grows else value

    def content(self) -> dict[str, Json]:
        """The finished block. Input that is not JSON (cut, or malformed by the model) is kept as its maker advises."""
        if text := "".join(self._pieces):
            try:
                self._block["input"] = bounded_json.loads(text)
            except ValueError:
                self._block["input"] = {"INVALID_JSON": text}
        return self._block


def _piece(delta: Mapping[str, Any], name: str) -> str:
    piece = delta.get(name)
    if not isinstance(piece, str):
        raise BrokenAnswer(f"the stream holds a {delta.get('type')} without its {name}")
    return piece


_GROWING = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}


def write_events(message: Mapping[str, Json]) -> bytes:
    """The stream that a server would send for `message`."""
    tail = {key: message.get(key) for key in ("stop_reason", "stop_sequence")}
    usage = message.get("usage") or {}
    head = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    events: list[dict[str, Json]] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    for index, block in enumerate(message.get("content") or ()):
        events.extend({**event, "index": index} for event in _block_events(block))
    events.append({"type": "message_delta", "delta": tail, "usage": {"output_tokens": usage.get("output_tokens", 0)}})
    events.append({"type": "message_stop"})
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def _block_events(block: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    kind = block.get("type", "")
    delta: dict[str, Json] | None = None
    start = dict(block)
    if kind in _GROWING:
        delta_type, key = _GROWING[kind]
        start[key] = ""
        delta = {"type": delta_type, key: block.get(key, "")}
    elif "input" in block:
        start["input"] = {}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    yield {"type": "content_block_start", "content_block": start}
    if delta is not None:
        yield {"type": "content_block_delta", "delta": delta}
    yield {"type": "content_block_stop"}
