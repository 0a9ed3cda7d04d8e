"""Who answers behind the embedded models: scripted agents (simulated, oracle, noop) and earlier rollouts (replay).

A backend is stateless: which turn comes next follows from the number of assistant messages in the request. What it
draws depends on (seed, run, turn) alone, so `max_tokens` cannot influence it: sampling under a smaller limit gives
exactly the prefix of the rollout under a larger one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.model.embedded import rng
from evalkit.model.protocol import Body, Message
from evalkit.rollout.journal import read_rollout
from evalkit.rollout.record import Json, Rollout
from evalkit.task import author_code
from evalkit.task.protocol import Spec, Task
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens
from evalkit.util import bounded_json
from evalkit.util.errors import UserError


class Refusal(Exception):
    """The backend cannot answer this request: HTTP status 400 with this message."""


def cut(message: Message, max_tokens: int) -> Message:
    """`message` as the API would have sent it under `max_tokens`.

    Tokens are taken to be spread evenly over the characters. Text ends where the budget does. A tool call that is
    not complete keeps its id and name and has an empty input, like the API's, and is always the last block.
    """
    tokens = message["usage"].get("output_tokens") or 0
    if tokens <= max_tokens:
        return message
    left = sum(map(_size, message["content"])) * max_tokens // tokens
    content: list[Json] = []
    for block in message["content"]:
        if left <= 0:
            break
        size = _size(block)
        content.append(block if size <= left else _cut_block(block, left))
        left -= size
    usage = {**message["usage"], "output_tokens": max_tokens}
    return {**message, "content": content, "stop_reason": "max_tokens", "stop_sequence": None, "usage": usage}


def _size(block: Mapping[str, Json]) -> int:
    written = block.get("text") or block.get("thinking") or json.dumps(block.get("input", ""))
    return max(1, len(written))


def _cut_block(block: Mapping[str, Json], characters: int) -> Mapping[str, Json]:
    if block.get("type") == "tool_use":
        return {**block, "input": {}}
    key = "thinking" if "thinking" in block else "text"
    return {**block, key: block.get(key, "")[:characters]}


_KEPT = 1024
"""Runs whose agents are kept."""


class Scripted:
    """Plays scripted agents: each run draws one by weight, each of its turns a token count."""

    simulated = True
    closing = ScriptedTurn(Tokens(12), "I have nothing to add.")
    """What an agent says after its last turn."""

    def __init__(self, model: str, agents: Callable[[int], Sequence[ScriptedAgent]], seed: int) -> None:
        self._model, self._seed = model, seed
        self._agents = lru_cache(maxsize=_KEPT)(agents)  # every turn of a run asks again
        self._made: set[int] = set()

    @classmethod
    def of(cls, kind: str, model: str, task: Task, specs: Callable[[int], Spec], seed: int) -> Scripted:
        """The agents that `kind` (simulated, oracle or noop) stands for in `task`."""
        casts: dict[str, Callable[[int], Sequence[ScriptedAgent]]] = {
            "simulated": lambda run: author_code.agents_for(task, specs(run)),
            "oracle": lambda run: author_code.agents_for(task, specs(run), oracle=True),
            "noop": lambda run: [ScriptedAgent("noop", (ScriptedTurn(Tokens(12), "I would rather not."),))],
        }
        return cls(model, casts[kind], seed)

    @property
    def fingerprint(self) -> str:
        """Digest of the first run's agents: other runs get the same script with other numbers in it."""
        return rng.hex_digits(self._agents(1))[:16]

    async def prepare(self, run: int) -> None:
        """Have the task make its agents. Raises `TaskError`."""
        if run not in self._made:
            await author_code.apart("the task's agents", lambda: self._agents(run))
            if len(self._made) > _KEPT // 2:
                self._made.clear()
            self._made.add(run)

    def answer(self, run: int, body: Body) -> Message:
        """The next turn of the agent that `run` drew."""
        turn_number = sum(message["role"] == "assistant" for message in body["messages"])
        agents = self._agents(run)
        turns = agents[rng.choose([agent.weight for agent in agents], self._seed, run, "agent")].turns
        turn = turns[turn_number] if turn_number < len(turns) else self.closing
        key = (self._seed, run, turn_number)
        content = _content(turn, body["messages"], rng.hex_digits("toolu", *key)[:20])
        message = {
            "id": f"msg_sim{rng.hex_digits('msg', *key)[:20]}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": "tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn",
            "stop_sequence": None,
            "usage": _usage(body, turn.tokens.draw(rng.normal(*key, "tokens"))),
        }
        return cut(message, body["max_tokens"])


def _content(turn: ScriptedTurn, messages: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Json]]:
    calls = list(turn.calls)
    if turn.submit_output:
        calls.append({"name": "submit_answer", "input": {"answer": _last_output(messages)}})
    blocks: list[dict[str, Json]] = [{"type": "text", "text": turn.text}] if turn.text else []
    for number, call in enumerate(calls):
        blocks.append({"type": "tool_use", "id": f"toolu_sim{name}{number}", **call})
    return blocks


def _last_output(messages: Sequence[Mapping[str, Any]]) -> Json:
    """What the last tool result printed: its last non-empty line as JSON, or as text if it is none; "" if nothing."""
    content = messages[-1]["content"]
    results = [block for block in content if isinstance(block, dict) and block.get("type") == "tool_result"]
    lines = _printed(_plain(results[-1].get("content"))).strip().splitlines() if results else []
    try:
        return bounded_json.loads(lines[-1]) if lines else ""
    except ValueError:
        return lines[-1]


def _plain(content: Json) -> str:
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return content or ""


def _printed(result: str) -> str:
    """The `result` of python_expression's JSON, or the text itself from any other tool."""
    try:
        fields = bounded_json.loads(result)
    except ValueError:
        return result
    return fields["result"] or "" if isinstance(fields, dict) and "result" in fields else result


def _usage(body: Body, output_tokens: int) -> dict[str, Json]:
    return {
        "input_tokens": estimate_tokens([body.get("system"), body.get("tools"), body["messages"]]),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    }


def estimate_tokens(value: Json) -> int:
    """Input tokens of a request, by the rule of thumb of four characters each; cache marks count nothing."""
    return -(-_characters(value) // 4)


def _characters(value: Json) -> int:
    if isinstance(value, dict):
        return sum(len(key) + _characters(item) for key, item in value.items() if key != "cache_control")
    if isinstance(value, list):
        return sum(map(_characters, value))
    return len(value) if isinstance(value, str) else 1


class Replay:
    """Plays back the rollouts of an earlier launch, turn by turn."""

    def __init__(self, folder: Path) -> None:
        """Reads every rollout under `folder`. Raises `UserError` if there is none."""
        paths = sorted((folder / "rollouts").glob("*.jsonl"))
        if not paths:
            raise UserError(
                f"model.replay_from={folder} contains no rollouts: give the output directory of an earlier launch, "
                "the one with summary.json in it"
            )
        self._folder = folder
        self._rollouts: dict[int, Rollout] = {}
        for path in paths:
            rollout = read_rollout(path)
            self._rollouts[rollout.run] = rollout
        self._content = rng.hex_digits(*(path.read_text(encoding="utf-8") for path in paths))[:16]

    @property
    def fingerprint(self) -> str:
        """Digest of all recorded rollouts."""
        return self._content

    @property
    def simulated(self) -> bool:
        """Whether scripted agents made the recording."""
        turns = [turn for rollout in self._rollouts.values() for turn in rollout.turns]
        return all(str(turn.response.get("id", "")).startswith("msg_sim") for turn in turns)

    async def prepare(self, run: int) -> None:
        """Everything was read at the beginning."""

    def answer(self, run: int, body: Body) -> Message:
        """The recorded response. Raises `Refusal` for a run or a turn that was not recorded."""
        if run not in self._rollouts:
            recorded = ", ".join(map(str, self._rollouts))
            raise Refusal(f"{self._folder} has no rollout of run {run}, only of {recorded}: lower runs.count")
        turns = self._rollouts[run].turns
        number = sum(message["role"] == "assistant" for message in body["messages"])
        if number >= len(turns):
            raise Refusal(
                f"the recording of run {run} in {self._folder} ends after {len(turns)} turns and cannot tell what came "
                "next: use the limits and the agent settings that it was made with, or smaller limits"
            )
        response = dict(turns[number].response)
        response["usage"] = turns[number].usage
        return cut(response, body["max_tokens"])
