"""Shared by the model tests: a task that is nothing but scripted agents, and models opened for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from evalkit.config.schema import ModelConfig
from evalkit.model import Opening, open_model
from evalkit.model.protocol import Model, Request
from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens, submitting

PROGRAM = {"name": "python_expression", "input": {"expression": "print(6 * 7)"}}
AGENTS = [
    ScriptedAgent(
        "calculates",
        (
            ScriptedTurn(Tokens(300, 0.4), "I use the tool. " * 20, (PROGRAM,)),
            ScriptedTurn(Tokens(60), submit_output=True),
        ),
        weight=0.7,
    ),
    ScriptedAgent("guesses", (ScriptedTurn(Tokens(150, 0.4), "I guess.", submitting(41).turns[0].calls),), weight=0.3),
]


class AgentsOnly:
    """As much of a task as an embedded model asks for."""

    def agents(self, spec: Any) -> Sequence[ScriptedAgent]:
        return AGENTS

    def oracle(self, spec: Any) -> ScriptedAgent:
        return submitting(42)


Opener = Callable[..., Model]


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens models by their config and closes them after the test."""
    models: list[Model] = []

    def open_(task: Any = None, seed: int = 0, **config: Any) -> Model:
        config.setdefault("id", "claude-test")
        specs: Callable[[int], Any] = lambda run: None  # noqa: E731
        model = open_model(ModelConfig(**config), Opening(task or AgentsOnly(), specs, seed))
        models.append(model)
        return model

    yield open_
    for model in models:
        await model.close()


def ask(run: int = 1, max_tokens: int = 4000, text: str = "What is 6 times 7?", **more: Any) -> Request:
    """The first request of a run."""
    return Request(run=run, messages=[{"role": "user", "content": text}], max_tokens=max_tokens, **more)


def then(request: Request, message: Any, *results: str) -> Request:
    """The request after `message` was answered with tool results."""
    calls = [block for block in message["content"] if block["type"] == "tool_use"]
    reply = [
        {"type": "tool_result", "tool_use_id": call["id"], "content": result}
        for call, result in zip(calls, results, strict=True)
    ] or [{"type": "text", "text": "Go on."}]
    messages = [
        *request.messages,
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": reply},
    ]
    return Request(run=request.run, messages=messages, max_tokens=request.max_tokens)
