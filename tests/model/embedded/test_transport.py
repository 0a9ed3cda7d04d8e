"""Embedded models: what they play, that limits only cut and never change it, and that replays repeat."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.model.embedded.scripted_backends import Scripted, cut, estimate_tokens
from evalkit.model.protocol import Request
from evalkit.rollout.journal import write_rollout
from evalkit.rollout.record import Ending, Rollout, Submission, Turn
from evalkit.util.errors import ProviderError, UserError
from tests.model.conftest import AGENTS, Opener, ask, then

PRINTED = '{"result": "working\\n42\\n\\n", "error": null}'


def body(max_tokens: int = 10_000, turns: int = 0) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Go."}]
    for _ in range(turns):
        messages += [{"role": "assistant", "content": []}, {"role": "user", "content": []}]
    return {"max_tokens": max_tokens, "messages": messages}


async def calculating(model: Any) -> tuple[Request, Any]:
    """The first request and answer of a run whose agent uses the tool."""
    for run in range(1, 50):
        message = (await model.respond(ask(run))).message
        if message["content"][-1].get("name") == "python_expression":
            return ask(run), message
    raise AssertionError("no run drew that agent")


async def test_a_simulated_run_is_the_same_every_time(opened: Opener) -> None:
    first = [(await opened(kind="simulated").respond(ask(run))).message for run in range(1, 6)]
    again = [(await opened(kind="simulated").respond(ask(run))).message for run in range(5, 0, -1)]
    assert first == again[::-1]
    assert len({message["id"] for message in first}) == 5


async def test_the_seed_decides(opened: Opener) -> None:
    here = (await opened(kind="simulated", seed=1).respond(ask())).message
    there = (await opened(kind="simulated", seed=2).respond(ask())).message
    assert here["usage"] != there["usage"]


async def test_streaming_and_caching_change_nothing(opened: Opener) -> None:
    plain = (await opened(kind="simulated").respond(ask())).message
    streamed = (await opened(kind="simulated", stream="always").respond(ask())).message
    uncached = (await opened(kind="simulated", cache_prompt=False).respond(ask())).message
    assert plain == streamed == uncached


async def test_what_a_program_printed_is_submitted(opened: Opener) -> None:
    model = opened(kind="simulated")
    request, message = await calculating(model)
    assert message["stop_reason"] == "tool_use"
    submitted = (await model.respond(then(request, message, PRINTED))).message["content"][0]
    assert (submitted["name"], submitted["input"]) == ("submit_answer", {"answer": 42})


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (PRINTED, 42),
        ('{"result": "almost 42", "error": null}', "almost 42"),
        ('{"result": null, "error": "ValueError"}', ""),
        ('{"result": "[1, 2]\\n", "error": null}', [1, 2]),
        ("plain text of another tool", "plain text of another tool"),
    ],
)
async def test_output_is_read_as_json_or_as_text(result: str, answer: Any, opened: Opener) -> None:
    model = opened(kind="simulated")
    request, message = await calculating(model)
    submitted = (await model.respond(then(request, message, result))).message["content"][0]
    assert submitted["input"] == {"answer": answer}


def test_agents_are_met_as_often_as_they_weigh() -> None:
    backend = Scripted("simulated", lambda run: AGENTS, 0)
    texts = Counter(backend.answer(run, body())["content"][0]["text"][:7] for run in range(1, 2001))
    assert 0.66 < texts["I use t"] / 2000 < 0.74


def test_token_counts_follow_their_distribution() -> None:
    backend = Scripted("simulated", lambda run: AGENTS[1:], 0)
    counts = sorted(backend.answer(run, body())["usage"]["output_tokens"] for run in range(1, 2001))
    assert 144 < counts[1000] < 156
    assert 0.37 < (counts[1682] / counts[1000] - 1) < 0.62  # one standard deviation up: exp(0.4) - 1 = 0.49


@given(run=st.integers(1, 10**6), limit=st.integers(1, 2000), turn=st.integers(0, 3))
def test_a_limit_cuts_and_changes_nothing_else(run: int, limit: int, turn: int) -> None:
    backend = Scripted("simulated", lambda run: AGENTS, 0)
    whole = backend.answer(run, body(turns=turn))
    limited = backend.answer(run, body(limit, turns=turn))
    tokens = whole["usage"]["output_tokens"]
    if tokens <= limit:
        assert limited == whole
        return
    assert limited["stop_reason"] == "max_tokens"
    assert limited["usage"] == {**whole["usage"], "output_tokens": limit}
    assert limited["id"] == whole["id"]
    *complete, last = limited["content"] or [None]
    assert complete == whole["content"][: len(complete)]
    if last is not None and last["type"] == "text":
        assert whole["content"][len(complete)]["text"].startswith(last["text"])


def test_a_call_that_is_cut_has_no_input() -> None:
    text, call = (
        {"type": "text", "text": "x" * 50},
        {"type": "tool_use", "id": "t", "name": "n", "input": {"a": "y" * 41}},
    )
    message = {"content": [text, call], "usage": {"output_tokens": 100}, "stop_reason": "tool_use"}
    assert cut(message, 100) == message
    assert cut(message, 75)["content"] == [text, {**call, "input": {}}]
    assert cut(message, 50)["content"] == [text]
    assert cut(message, 25)["content"] == [{"type": "text", "text": "x" * 25}]


async def test_an_agent_that_has_played_everything_ends_its_turn(opened: Opener) -> None:
    model = opened(kind="oracle")
    request = ask()
    message = (await model.respond(request)).message
    assert message["content"][-1]["input"] == {"answer": 42}
    assert (await model.respond(then(request, message, "ok"))).message["stop_reason"] == "end_turn"


async def test_noop_never_submits(opened: Opener) -> None:
    message = (await opened(kind="noop").respond(ask())).message
    assert (message["stop_reason"], message["content"][0]["type"]) == ("end_turn", "text")


async def test_embedded_models_measure_no_language_model_and_cost_nothing(opened: Opener) -> None:
    for kind in ("simulated", "oracle", "noop"):
        model = opened(kind=kind)
        assert model.simulated
        assert model.cost_usd([{"input_tokens": 5, "output_tokens": 5}]) is None
        assert list(await model.check()) == []


async def test_another_script_is_another_identity(opened: Opener) -> None:
    class Other:
        def agents(self, spec: Any) -> Any:
            return AGENTS[:1]

    assert opened(kind="simulated").identity != opened(Other(), kind="simulated").identity
    assert opened(kind="simulated").identity == opened(kind="simulated").identity


def test_cache_marks_are_no_input() -> None:
    block = {"type": "text", "text": "Hello"}
    assert estimate_tokens([block]) == estimate_tokens([{**block, "cache_control": {"type": "ephemeral"}}])


def recording(folder: Path, run: int, *, id: str = "msg_01", tokens: int = 100) -> Path:
    """An output directory that holds one rollout of two turns."""
    first = {
        "id": id,
        "model": "claude-test",
        "content": [{"type": "from_the_future", "x": 1}, {"type": "text", "text": "y" * 50}],
        "stop_reason": "end_turn",
        "usage": {"output_tokens": tokens, "input_tokens": 7},
        "unknown_key": True,
    }
    call = {"type": "tool_use", "id": "t", "name": "submit_answer", "input": {"answer": 1}}
    second = {**first, "content": [call], "stop_reason": "tool_use"}
    reply = ({"type": "text", "text": "Go on."},)
    turns = (Turn(4000, first, reply), Turn(3900, second, submission=Submission(1)))
    (folder / "rollouts").mkdir(parents=True, exist_ok=True)
    rollout = Rollout(run, "What is 6 times 7?", "", (), turns, Ending.SUBMITTED)
    write_rollout(folder / "rollouts" / f"{run:04}.jsonl", rollout)
    return folder


async def test_a_replay_repeats_the_record_as_it_was(opened: Opener, tmp_path: Path) -> None:
    model = opened(kind="replay", replay_from=str(recording(tmp_path, 3)))
    assert not model.simulated
    request = ask(3)
    message = (await model.respond(request)).message
    assert message["unknown_key"] is True
    assert message["content"][0] == {"type": "from_the_future", "x": 1}
    assert (await model.respond(then(request, message))).message["content"][0]["input"] == {"answer": 1}


async def test_a_replay_under_a_smaller_limit_is_cut(opened: Opener, tmp_path: Path) -> None:
    model = opened(kind="replay", replay_from=str(recording(tmp_path, 1)))
    message = (await model.respond(ask(max_tokens=30))).message
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("max_tokens", 30)


async def test_a_replay_of_simulated_runs_says_so(opened: Opener, tmp_path: Path) -> None:
    assert opened(kind="replay", replay_from=str(recording(tmp_path, 1, id="msg_sim1"))).simulated


async def test_another_recording_is_another_identity(opened: Opener, tmp_path: Path) -> None:
    here = opened(kind="replay", replay_from=str(recording(tmp_path / "a", 1)))
    same = opened(kind="replay", replay_from=str(recording(tmp_path / "b", 1)))
    other = opened(kind="replay", replay_from=str(recording(tmp_path / "c", 1, tokens=99)))
    assert here.identity == same.identity != other.identity


async def test_a_replay_does_not_invent_what_was_not_recorded(opened: Opener, tmp_path: Path) -> None:
    model = opened(kind="replay", replay_from=str(recording(tmp_path, 3)))
    with pytest.raises(UserError, match=r"^\S.* has no rollout of run 4, only of 3: lower runs\.count$"):
        await model.respond(ask(4))
    request = ask(3)
    message = (await model.respond(request)).message
    request = then(request, message)
    request = then(request, (await model.respond(request)).message, "ok")
    with pytest.raises(ProviderError, match=r"^the recording of run 3 .* ends after 2 turns"):
        await model.respond(request)


@pytest.mark.parametrize("source", [None, "missing", "."])
async def test_a_replay_without_a_recording_is_refused(source: str | None, opened: Opener, tmp_path: Path) -> None:
    folder = None if source is None else str(tmp_path / source)
    with pytest.raises(UserError, match="output directory of an earlier launch"):
        opened(kind="replay", replay_from=folder)


def test_answers_are_json() -> None:
    backend = Scripted("simulated", lambda run: AGENTS, 0)
    message = backend.answer(1, body())
    assert json.loads(json.dumps(message)) == message
