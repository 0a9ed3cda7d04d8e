"""The request after any turn is one that the API takes, while the record stays as it came."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.model.anthropic.client import mark_cache
from evalkit.model.requests import conversation, encodable
from evalkit.rollout.record import Rollout, Turn
from evalkit.rollout.response_shape import fault
from evalkit.util import bounded_json
from tests.builders import call, message, rollout, text
from tests.servers import strict

BLANK = st.sampled_from(["", " ", "\n\n", "\t", "\u2003", "x \n"])
WORDS = BLANK | st.text(st.characters(exclude_categories=()), max_size=8)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
IDS = st.sampled_from(["toolu_1", "toolu_2", "toolu_1_0", "call_0", "", "a b", None, 7]) | ANY
NAMES = st.sampled_from(["look", "functions.look", "a b", "", "x" * 200, None]) | ANY
CALLS = st.fixed_dictionaries({"type": st.just("tool_use")}, optional={"id": IDS, "name": NAMES, "input": ANY})
BLOCKS = st.one_of(
    st.builds(text, WORDS),
    CALLS,
    st.builds(lambda words: {"type": "thinking", "thinking": words, "signature": "s"}, WORDS),
    st.just({"type": "redacted_thinking", "data": "x"}),
    st.builds(
        lambda id: {"type": "server_tool_use", "id": id, "name": "web_search", "input": {}}, st.sampled_from("ab")
    ),
    st.builds(lambda id: {"type": "web_search_tool_result", "tool_use_id": id, "content": []}, st.sampled_from("ab")),
    st.just({**text("marked"), "cache_control": {"type": "ephemeral"}}),
    st.just({"type": "from_the_future", "value": 1}),
)
STOPS = st.sampled_from(["end_turn", "tool_use", "pause_turn", "max_tokens", "refusal", None])


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """A turn that an agent may have recorded: its calls answered in order, some with nothing, some not at all."""
    blocks, stop = draw(st.lists(BLOCKS, max_size=4)), draw(STOPS)
    if stop == "pause_turn":  # what a server executes itself after a pause, it does execute
        blocks = [block for block in blocks if block["type"] != "server_tool_use"]
    reply: list[dict[str, Any]] = []
    for block in blocks:
        if block["type"] == "tool_use" and draw(st.integers(0, 9)):
            result = {"type": "tool_result", "tool_use_id": block.get("id"), "content": draw(WORDS)}
            reply.append(result | ({"is_error": True} if draw(st.booleans()) else {}))
    if not reply and stop != "pause_turn":
        reply.append(text(draw(WORDS)))
    return Turn(
        1000, message(*bounded_json.bounded(blocks), stop=stop), reply=tuple(bounded_json.bounded(reply)) or None
    )


def refusal(played: Rollout) -> str:
    """Why the API would refuse the next request; nothing if it takes it."""
    arguments = {"model": "m", "max_tokens": 1, "messages": [*map(_long, conversation(played))]}
    raw = json.dumps(encodable(mark_cache(arguments)), ensure_ascii=False, allow_nan=False).encode()
    thinking = {
        strict.fingerprint(encodable(block))
        for turn in played.turns
        for block in turn.content
        if block["type"].endswith("thinking")
    }
    return strict.problem(raw, thinking=thinking, own=("from_the_future",))


def _long(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "content": [text(said["content"])]} if isinstance(said["content"], str) else said


@given(st.lists(turns(), max_size=4))
def test_every_conversation_is_one_that_the_api_takes(played: list[Turn]) -> None:
    recorded = rollout(*played)
    before = copy.deepcopy(recorded)
    assert refusal(recorded) == ""
    assert recorded == before
    assert sum(said["role"] == "assistant" for said in conversation(recorded)) == len(played)


@given(st.lists(turns(), min_size=1, max_size=4))
def test_what_was_sent_once_is_sent_again_unchanged(played: list[Turn]) -> None:
    sent = conversation(rollout(*played[:-1]))
    assert conversation(rollout(*played))[: len(sent)] == sent


@given(st.lists(turns(), max_size=3))
def test_what_the_agent_records_has_no_fault(played: list[Turn]) -> None:
    """What the strategies above make passes the check at the door, so they show what can come in."""
    assert [fault(turn.response) for turn in played] == [""] * len(played)


@pytest.mark.parametrize(
    ("blocks", "sent"),
    [
        ([text(""), call("look", {})], [call("look", {})]),
        ([text("\n\n")], [text("(no content)")]),
        ([], [text("(no content)")]),
        ([text("I look."), call("look", {"at": 3})], [text("I look."), call("look", {"at": 3})]),
        ([call("look", "here")], [call("look", {"INVALID_JSON": "here"})]),
        ([call("look", None)], [call("look", {"INVALID_JSON": "null"})]),
        ([call("functions.look", {})], [call("functions_look", {})]),
        ([call("look", {}, id="")], [call("look", {}, id="toolu_1_0")]),
        ([call("look", {}), call("look", {"at": 2})], [call("look", {}), call("look", {"at": 2}, id="toolu_1_1")]),
        ([{"type": "thinking", "thinking": " ", "signature": "s"}], None),
    ],
)
def test_only_what_the_api_refuses_is_changed(blocks: list[Any], sent: list[Any] | None) -> None:
    reply = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "seen"}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    played = rollout(Turn(1000, message(*blocks), reply=tuple(reply) or (text("Go on."),)))
    said, answered = conversation(played)[1:]
    assert said["content"] == (sent if sent is not None else [*blocks, text("(no content)")])
    ids = [block["id"] for block in said["content"] if block["type"] == "tool_use"]
    assert [block["tool_use_id"] for block in answered["content"] if block["type"] == "tool_result"] == ids


def test_a_tool_that_fails_without_words_is_given_some() -> None:
    results = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "", "is_error": True}]
    played = rollout(Turn(1000, message(call("look", {})), reply=tuple(results)))
    assert conversation(played)[-1]["content"][0]["content"] == "(failed without a message)"


def test_a_pause_is_resumed_without_the_blank_at_its_end() -> None:
    played = rollout(Turn(1000, message(text("Still working… "), stop="pause_turn")))
    assert conversation(played)[-1] == {"role": "assistant", "content": [text("Still working…")]}
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    searching = rollout(Turn(1000, message(text("Wait. "), search, stop="pause_turn")))
    assert conversation(searching)[-1]["content"] == [text("Wait. "), search]
    blank = rollout(Turn(1000, message(text(" "), stop="pause_turn")))
    assert refusal(blank) == ""
