"""Random model servers that behave the same whatever budget is asked for, to compare clipping with sampling afresh."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st

from evalkit.model.protocol import ContextLimitError, Request, Response
from evalkit.rollout.limits import Limits
from evalkit.rollout.record import Rollout
from evalkit.sampling.agent import Agent, begin
from evalkit.task.tools import SubmitAnswer
from tests.builders import ScriptedModel, call, message
from tests.sampling.test_agent import Asked, Look, Recorded

Said = Sequence[tuple[str, int]]
"""One response: kinds of blocks and their output tokens."""
HIDDEN = 400
"""Characters of a token of thinking, where it is not counted: no tokenizer packs so many."""


@dataclass(frozen=True)
class World:
    """What a model says, turn by turn, and how its server deals with budgets and with its context."""

    script: tuple[Said, ...]
    context: int | None = None
    refuses: bool = True
    """Whether a request whose prompt and budget do not fit the context is refused; else its answer is cut."""
    told: bool = False
    """Whether a refusal says how many tokens would fit, so that the client asks again."""
    overhead: int = 0
    """Tokens by which that is too many."""
    counts: str = "all"
    """What `usage.output_tokens` counts: all, nothing, or all but thinking."""
    torso: bool = True
    """Whether a block that the budget cuts is handed over."""
    nudges: int = 0

    async def respond(self, request: Request) -> Mapping[str, Any]:
        said = self.script[min(sum(m["role"] == "assistant" for m in request.messages), len(self.script) - 1)]
        turn = sum(m["role"] == "assistant" for m in request.messages)
        prompt = 3 + 2 * turn + sum(tokens for each in self.script[:turn] for _, tokens in each)
        room = self._room(prompt, request.max_tokens)
        ends = list(accumulate(tokens for _, tokens in said))
        parts = [(kind, min(tokens, room - end + tokens)) for (kind, tokens), end in zip(said, ends, strict=True)]
        parts = [(kind, tokens) for kind, tokens in parts if tokens > 0]
        cut = ends[-1] > room
        if cut and not self.torso and parts and parts[-1][1] < said[len(parts) - 1][1]:
            parts.pop()
        blocks = [self._block(place, kind, tokens) for place, (kind, tokens) in enumerate(parts)]
        counted = [
            tokens
            for kind, tokens in zip((k for k, _ in said), self._spread(said, room), strict=True)
            if self.counts == "all" or (self.counts == "words" and kind != "thinking")
        ]
        usage = {"usage": {}} if self.counts == "none" else {}
        return message(*blocks, stop="max_tokens" if cut else "", tokens=sum(counted)) | usage

    def _spread(self, said: Said, room: int) -> list[int]:
        left, found = room, []
        for _, tokens in said:
            found.append(min(tokens, max(0, left)))
            left -= tokens
        return found

    def _room(self, prompt: int, asked: int) -> int:
        """Tokens that the answer may have. Raises `ContextLimitError` as the client does."""
        if self.context is None or prompt + asked <= self.context:
            return asked
        room = self.context - prompt
        if room < 1:
            raise ContextLimitError("too long", 0 if self.told or not self.refuses else None)
        if not self.refuses:
            return room
        error = ContextLimitError("too long")
        if not self.told:
            raise error
        if self.overhead:
            error.unfit = min(asked, room + self.overhead)
            raise error
        return room

    def _block(self, place: int, kind: str, tokens: int) -> Mapping[str, Any]:
        if kind == "thinking":
            return {"type": kind, "thinking": "x" * tokens * (HIDDEN if self.counts == "words" else 4), "signature": ""}
        if kind == "text":
            return {"type": kind, "text": "x" * tokens * 4}
        name, answer = ("look", {}) if kind == "look" else ("submit_answer", {"answer": 4 if kind == "submit" else "?"})
        return call(name, answer, f"toolu_{place}")

    def sampled(self, limits: Limits) -> Rollout:
        """A rollout under these limits."""
        spec = Asked(tools=(Look(), SubmitAnswer({"type": "integer"})))
        agent = Agent(
            start=begin(1, spec),
            tools=spec.tools,
            model=_Model(self),
            limits=limits,
            session=None,
            recorder=Recorded(),
            nudges=self.nudges,
            nudge="Go on.",
        )
        return asyncio.run(agent.roll_out())


class _Model(ScriptedModel):
    def __init__(self, world: World) -> None:
        super().__init__((), ceiling=40)
        self._world = world

    async def respond(self, request: Request) -> Response:
        return Response(await self._world.respond(request))


said = st.lists(
    st.tuples(st.sampled_from(["thinking", "text", "look", "submit", "wrong"]), st.integers(1, 5)),
    min_size=1,
    max_size=4,
)
worlds = st.builds(
    World,
    script=st.lists(said, min_size=1, max_size=4).map(lambda turns: (*map(tuple, turns), (("text", 2),))),
    context=st.one_of(st.none(), st.integers(4, 80)),
    refuses=st.booleans(),
    told=st.booleans(),
    overhead=st.integers(0, 1),
    counts=st.sampled_from(["all", "all", "none", "words"]),
    torso=st.booleans(),
    nudges=st.integers(0, 1),
)
budget = st.one_of(st.none(), st.integers(1, 60))
limits = st.builds(
    Limits,
    max_tokens=budget,
    max_tokens_per_turn=st.one_of(st.none(), st.integers(1, 25)),
    max_steps=st.one_of(st.none(), st.integers(1, 5)),
)
