"""Budgets of a rollout: what the next model call may cost, and what a rollout would have been under smaller ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from evalkit.config.schema import LimitsConfig
from evalkit.rollout.record import Ending, Rollout, Turn
from evalkit.util.text import dollars


@dataclass(frozen=True)
class Limits:
    """The `limits` of a config. `None` means no limit."""

    max_tokens: int | None = None
    """Output tokens of the whole rollout, thinking included."""
    max_tokens_per_turn: int | None = None
    """Output tokens of a single response."""
    max_steps: int | None = None
    """Model calls."""
    timeout_s: float | None = None
    """Wall clock of a rollout in seconds, without the time it waited for rate limits."""
    tool_timeout_s: float = 30.0
    """Wall clock of one tool call in seconds."""
    max_cost_usd: float | None = None
    """US dollars of the whole launch or sweep: no new rollout starts past it."""

    def dominates(self, other: Limits) -> bool:
        """Whether a rollout under `self`, clipped, is exactly the rollout under `other`.

        Only token and step budgets are invisible to the model and can be clipped; a wall clock is not
        reproducible, and a tool's time limit shows in its replies, so those two must be equal.
        """
        return (
            _covers(self.max_tokens, other.max_tokens)
            and _covers(self.max_tokens_per_turn, other.max_tokens_per_turn)
            and _covers(self.max_steps, other.max_steps)
            and self.timeout_s == other.timeout_s
            and self.tool_timeout_s == other.tool_timeout_s
        )

    def same_rollouts(self, other: Limits) -> bool:
        """Whether both give the same rollouts: what a launch may cost is not part of them."""
        return self.dominates(other) and other.dominates(self)

    def __str__(self) -> str:
        parts = [
            f"{self.max_tokens:,} tokens" if self.max_tokens else "",
            f"{self.max_tokens_per_turn:,} tokens a turn" if self.max_tokens_per_turn else "",
            f"{self.max_steps} steps" if self.max_steps else "",
            f"{self.timeout_s:g} s" if self.timeout_s else "",
        ]
        return ", ".join(part for part in parts if part) or "none"


def cost_limit_reached(spent_usd: float, limit_usd: float | None) -> str:
    """The note of a launch or search that has spent its `limits.max_cost_usd`."""
    return f"Cost limit reached ({dollars(spent_usd)} of {dollars(limit_usd or 0)}): no new runs were started."


def join(several: Iterable[Limits]) -> Limits:
    """The smallest limits that dominate all of `several`, which have the same wall clocks."""
    first, *rest = several
    for other in rest:
        first = replace(
            first,
            max_tokens=_larger(first.max_tokens, other.max_tokens),
            max_tokens_per_turn=_larger(first.max_tokens_per_turn, other.max_tokens_per_turn),
            max_steps=_larger(first.max_steps, other.max_steps),
        )
    return first


def _larger(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _covers(large: int | None, small: int | None) -> bool:
    return large is None or (small is not None and small <= large)


def next_call(limits: Limits, tokens: int, steps: int, *, ceiling: int, floor: int = 1) -> int | Ending:
    """How many output tokens the next model call may ask for, or how the rollout ends instead.

    `tokens` and `steps` were spent so far. `ceiling` is the most the model can write in one response;
    `floor` the least that is worth buying (a thinking budget must fit below `max_tokens`).
    A call that could only be thrown away is never bought.
    """
    if limits.max_tokens is not None and limits.max_tokens - tokens < floor:
        return Ending.TOKEN_LIMIT
    if limits.max_steps is not None and steps >= limits.max_steps:
        return Ending.STEP_LIMIT
    left = None if limits.max_tokens is None else limits.max_tokens - tokens
    return min(n for n in (left, limits.max_tokens_per_turn, ceiling) if n is not None)


UNCOUNTED = (
    "the server does not count output tokens (usage.output_tokens), so limits.max_tokens cannot hold: "
    "set limits.max_tokens=null and use limits.max_steps"
)
"""Why a rollout ends as an error where it would have gone on under a limit that nobody can keep."""
UNCUT = (
    "the server does not count all output tokens that it writes (usage.output_tokens), so nobody knows whether the "
    "smaller limit would have cut a response"
)
"""Why the ending of a clipped rollout is unknown, like the next two."""
MORE_FOLLOWS = (
    "a response goes on after its submission, and nobody knows whether the submission was complete where the smaller "
    "limit cuts the response"
)
UNFIT = (
    "the context had no room for what a call asked for under the larger limit, and nobody knows whether it has room "
    "for the less that it asks for under the smaller one"
)


def cut_ending(turn: Turn, allowed: int) -> Ending:
    """What ended a response that stopped as `max_tokens` although it was allowed `allowed` of them.

    Local servers say the same when their context is full, long before. They may also count by a tokenizer of their own,
    or leave out what the model thought: only a count that is clearly smaller, and credible for what was written, tells.
    """
    counted = turn.output_tokens
    if counted * EIGHTH < allowed * (EIGHTH - 1) and turn.credible:
        return Ending.CONTEXT_LIMIT
    return Ending.TOKEN_LIMIT


EIGHTH = 8
"""Tokenizers differ by less than one in so many tokens."""


def cannot_hold(limits: Limits, turns: Sequence[Turn]) -> bool:
    """Whether a limit of tokens is set and the last turn was not counted: nobody knows what is left of it."""
    return limits.max_tokens is not None and bool(turns) and turns[-1].uncounted


def clip(rollout: Rollout, limits: Limits) -> Rollout:
    """The rollout as it would have been under smaller `limits`: exact, because the model cannot see them.

    Pure. A turn that crosses the token budget becomes a cut turn that costs what was left of the budget;
    whatever it would have called or submitted did not happen. Where the record does not tell what would have happened,
    the ending is `unknown`, and `detail` says why. `limits` must be dominated by those that the rollout was sampled
    under (`Limits.dominates`), else what lies beyond is unknown.
    """
    tokens = 0
    kept: list[Turn] = []
    for step, turn in enumerate(rollout.turns):
        if cannot_hold(limits, kept):
            return replace(rollout, turns=tuple(kept), ending=Ending.ERROR, detail=UNCOUNTED)
        allowed = next_call(limits, tokens, step, ceiling=turn.max_tokens)
        if isinstance(allowed, Ending):
            return replace(rollout, turns=tuple(kept), ending=allowed, detail="")
        if why := unclear(rollout, turn, allowed):
            turns = (*kept, turn.cut_at(min(allowed, turn.output_tokens)))
            return replace(rollout, turns=turns, ending=Ending.UNKNOWN, detail=why)
        if turn.output_tokens > allowed:
            kept.append(turn.cut_at(allowed))
            return replace(rollout, turns=tuple(kept), ending=Ending.TOKEN_LIMIT, detail="")
        kept.append(turn)
        tokens += turn.output_tokens
        if rollout.ending in (Ending.TOKEN_LIMIT, Ending.CONTEXT_LIMIT) and turn.stop_reason == "max_tokens":
            return replace(rollout, ending=cut_ending(turn, allowed))
    if rollout.ending in BEFORE_AN_ANSWER and rollout.asks_for_more:
        return _at_its_last_call(rollout, limits, tokens)
    return rollout


def unclear(rollout: Rollout, turn: Turn, allowed: int) -> str:
    """Why nobody knows what came of a turn, had it been `allowed` so many tokens; nothing if that is known.

    The place of a block within a response, in tokens, is not in the record, and neither is what was not counted.
    """
    if allowed >= turn.max_tokens or (turn.cut_tokens is not None and rollout.ending is not Ending.UNKNOWN):
        return ""  # the very request that was made, or a turn that was cut before anything was unclear
    if turn.counted > allowed:
        return MORE_FOLLOWS if turn.more_follows else ""
    cut_anyway = turn.stop_reason == "max_tokens" and turn.submission is None
    return "" if turn.credible or cut_anyway else UNCUT


def _at_its_last_call(rollout: Rollout, limits: Limits, tokens: int) -> Rollout:
    """The rollout whose next call left no turn, or was not allowed: smaller limits decide anew about that call."""
    if cannot_hold(limits, rollout.turns):
        return replace(rollout, ending=Ending.ERROR, detail=UNCOUNTED)
    asked = sys.maxsize if rollout.unfit is None else rollout.unfit
    allowed = next_call(limits, tokens, rollout.steps, ceiling=asked)
    if isinstance(allowed, Ending):
        return replace(rollout, ending=allowed, detail="")
    if rollout.ending is Ending.CONTEXT_LIMIT and allowed < asked:
        return replace(rollout, ending=Ending.UNKNOWN, detail=UNFIT)
    return rollout


BEFORE_AN_ANSWER = (
    Ending.ERROR,
    Ending.CONTEXT_LIMIT,
    Ending.TIME_LIMIT,
    Ending.STEP_LIMIT,
    Ending.TOKEN_LIMIT,
    Ending.UNKNOWN,
)
"""Endings of a conversation that would have gone on: its next call left no turn, or was not allowed.

Which of two limits ended it depends on both, so smaller limits decide anew."""


def from_config(node: LimitsConfig) -> Limits:
    """The `limits` node of a config."""
    return Limits(**vars(node))
