"""What the agent loop knows of a model: one request, one response, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Request:
    """One model call."""

    run: int
    """1-based number of the run. Embedded models play by it; it is never sent to a provider."""
    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    system: str = ""
    tools: Sequence[Mapping[str, Any]] = ()
    clock: AbstractContextManager[None] = field(default_factory=nullcontext, compare=False)
    """Entered while the client waits for a rate limit or a retry: that time is not the model's."""


@dataclass(frozen=True)
class Response:
    """One answer."""

    message: Mapping[str, Any]
    """The Messages API response as it came, unknown blocks and keys included."""
    seconds: float = 0.0
    """Wall clock of the call that answered."""
    waited: float = 0.0
    """Seconds lost to rate limits, overload and retries before it."""


class ContextLimitError(Exception):
    """The conversation no longer fits the model."""


class Model(Protocol):
    """A client for one model. Safe for concurrent calls."""

    @property
    def id(self) -> str:
        """The model id that is asked for."""
        ...

    @property
    def simulated(self) -> bool:
        """True if no language model stands behind it: reports must say so."""
        ...

    @property
    def ceiling(self) -> int:
        """Output tokens that one response can have at most."""
        ...

    @property
    def floor(self) -> int:
        """The least `max_tokens` that the provider accepts (a fixed thinking budget must fit below it)."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything about the model that a conversation can depend on, for the rollout key (JSON, no secrets)."""
        ...

    async def check(self) -> Sequence[str]:
        """Make sure that the endpoint answers and has the model, without buying a token.

        Returns sentences that the person should see. Raises UserError with the fix, or ProviderError.
        """
        ...

    async def respond(self, request: Request) -> Response:
        """Ask, with retries.

        Raises ProviderError (faults that stayed), UserError (bad key, unknown model), ContextLimitError.
        """
        ...

    def cost_usd(self, usages: Sequence[Mapping[str, Any]]) -> float | None:
        """Price of calls with these `usage` objects; None if unknown (and for simulated models)."""
        ...

    async def close(self) -> None: ...
