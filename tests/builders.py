"""Small real objects for tests: responses as the Messages API writes them, turns, rollouts, scripted models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.model.protocol import Request, Response
from evalkit.rollout.record import Ending, Rollout, Submission, Turn


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(name: str, input: Any, id: str = "toolu_1") -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def message(*blocks: Mapping[str, Any], stop: str = "", tokens: int = 100, **extra: Any) -> dict[str, Any]:
    """A Messages API response. Its stop reason follows from its blocks unless given."""
    default = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
    usage = {"input_tokens": 50, "output_tokens": tokens}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "content": list(blocks),
        "stop_reason": stop or default,
        "stop_sequence": None,
    } | {"usage": usage, **extra}


def turn(tokens: int, *, asked: int = 10_000, reply: str | None = "ok", answer: Any = None, stop: str = "") -> Turn:
    """A turn of `tokens` output tokens; with `answer` it submits."""
    if answer is not None:
        block = call("submit_answer", {"answer": answer})
        return Turn(asked, message(block, tokens=tokens), submission=Submission(answer))
    blocks = (call("look", {}),) if reply is not None else (text("done"),)
    result = None if reply is None else ({"type": "tool_result", "tool_use_id": "toolu_1", "content": reply},)
    return Turn(asked, message(*blocks, tokens=tokens, stop=stop), reply=result)


def rollout(*turns: Turn, ending: Ending = Ending.SUBMITTED, run: int = 1, detail: str = "") -> Rollout:
    return Rollout(run=run, prompt="?", system="", tools=(), turns=turns, ending=ending, detail=detail)


@dataclass
class ScriptedModel:
    """A model that answers from a list. An exception in the list is raised instead."""

    script: Sequence[Any]
    ceiling: int = 8_000
    floor: int = 1
    id: str = "scripted"
    where: str = ""
    simulated: bool = True
    requests: list[Request] = field(default_factory=list)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"id": self.id}

    async def check(self) -> Sequence[str]:
        return ()

    def watch(self, told: Any) -> Any:
        return lambda: None

    async def respond(self, request: Request) -> Response:
        self.requests.append(request)
        said = self.script[len(self.requests) - 1]
        if isinstance(said, BaseException):
            raise said
        return Response(await said(request) if callable(said) else said)

    def cost_usd(self, usages: Sequence[Mapping[str, Any]]) -> float | None:
        return None

    async def close(self) -> None:
        return None
