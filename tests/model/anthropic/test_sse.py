"""Streams: put together as they came, unknown things included; broken ones are noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.model.anthropic.sse import BrokenAnswer, read_events, write_events

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
blocks = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, st.text()),
    st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "s"}, st.text()),
    st.builds(
        lambda value: {"type": "tool_use", "id": "t", "name": "n", "input": value},
        st.dictionaries(st.text(), values, max_size=3),
    ),
    st.builds(lambda value: {"type": "from_the_future", "value": value}, values),
)


def message(content: list[Any], **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 9}
    return {
        "id": "msg_1", "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage, **more
    }  # fmt: skip


@given(st.lists(blocks, max_size=4))
def test_what_is_streamed_is_what_was_said(content: list[Any]) -> None:
    said = message(content, unknown_key={"a": 1})
    assert read_events(write_events(said).decode()) == said


def stream(*events: dict[str, Any]) -> str:
    return "".join(f"event: {event['type']}\r\ndata: {json.dumps(event)}\r\n\r\n" for event in events)


START = {"type": "message_start", "message": message([])}
STOP = {"type": "message_stop"}


def block(*deltas: dict[str, Any], **start: Any) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": 0, "content_block": start},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
    ]


def test_pieces_are_joined_by_what_they_are() -> None:
    pieces = block(
        {"type": "text_delta", "text": "Hel"},
        {"type": "text_delta", "text": "lo"},
        {"type": "citations_delta", "citation": {"url": "u"}},
        {"type": "tomorrows_delta", "notes": ["a"], "level": 1},
        {"type": "tomorrows_delta", "notes": ["b"], "level": 2},
        type="text",
        text="",
    )
    (whole,) = read_events(stream(START, *pieces, STOP))["content"]
    assert whole == {"type": "text", "text": "Hello", "citations": [{"url": "u"}], "notes": ["a", "b"], "level": 2}


def test_the_last_counts_are_the_final_ones() -> None:
    delta = {
        "type": "message_delta",
        "delta": {"stop_reason": "max_tokens"},
        "usage": {"output_tokens": 40},
        "extra": 1,
    }
    said = read_events(stream(START, {"type": "ping"}, delta, STOP))
    assert (said["stop_reason"], said["usage"], said["extra"]) == (
        "max_tokens",
        {"input_tokens": 3, "output_tokens": 40},
        1,
    )


def test_a_count_or_a_part_that_is_null_takes_nothing_away() -> None:
    counts = {"type": "message_delta", "delta": None, "usage": {"input_tokens": None, "output_tokens": 40}}
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": None}
    said = read_events(stream(START, counts, stop, STOP))
    assert (said["stop_reason"], said["usage"]) == ("end_turn", {"input_tokens": 3, "output_tokens": 40})


def test_input_that_is_no_json_is_kept_as_it_was() -> None:
    pieces = block({"type": "input_json_delta", "partial_json": '{"a": "tor'}, type="tool_use", input={})
    assert read_events(stream(START, *pieces, STOP))["content"][0]["input"] == {"INVALID_JSON": '{"a": "tor'}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ended before"),
        (stream(START, {"type": "message_start", "message": message([])}, STOP), "message_start out of order"),
        (stream({"type": "message_start"}), "message_start without its message"),
        (stream({"type": "message_start", "message": None}), "message_start without its message"),
        (stream(START, {"type": "content_block_start", "index": 0, "content_block": None}, STOP), "content_block"),
        (stream(START, {"type": "content_block_start", "content_block": {"type": "text"}}, STOP), "without its index"),
        (stream(START, {"type": "content_block_start", "index": "0", "content_block": {}}, STOP), "without its index"),
        (stream(START, *block(type="text", text=""), *block(type="text", text=""), STOP), "start out of order"),
        (stream(START, block({"type": "text_delta", "text": "a"}, type="text")[1], STOP), "delta out of order"),
        (stream(START, *block({"type": "text_delta", "text": None}, type="text", text=""), STOP), "without its text"),
        (stream(START, *block({"type": "input_json_delta"}, type="tool_use"), STOP), "without its partial_json"),
        (stream(START, {"type": "content_block_delta", "index": 0}, STOP), "out of order"),
        (stream(START, {"type": "message_delta", "delta": 5}, STOP), "message_delta without its delta"),
        (stream(START, {"type": "message_delta", "delta": {}, "usage": [1]}, STOP), "message_delta without its usage"),
        (stream({"type": "message_start", "message": {"usage": 5}}, {"type": "message_delta"}, STOP), "usage that is"),
        ("data: 5\n\n", "not an object"),
        (stream(START), "ended before"),
        (stream(START, *block(type="text", text="")), "ended before"),
        (stream(START, {"type": "error", "error": {"type": "overloaded_error"}}), "overloaded_error"),
        ("data: {half\n\n", "not JSON"),
    ],
)
def test_a_broken_stream_is_noticed(text: str, reason: str) -> None:
    with pytest.raises(BrokenAnswer, match=reason):
        read_events(text)
