"""Model protocol of the agent loop: one request, one response."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from evalkit.config.schema import ModelConfig
from evalkit.rollout.record import FailedAttempt, Json
from evalkit.task.protocol import Spec, Task
from evalkit.util.text import duration


@dataclass(frozen=True)
class Wait:
    """What all calls to an endpoint wait for."""

    where: str
    """The endpoint."""
    reason: str
    """What it said."""
    seconds: float
    """From when it said so."""
    until: float
    """On the clock of `time.monotonic`."""
    asked: float | None = None
    """Seconds that it asked for, where it is asked again sooner."""

    @property
    def left(self) -> float:
        """Seconds from now; 0 once it is over."""
        return max(0.0, self.until - time.monotonic())

    def __str__(self) -> str:
        asked = f"; it asked for {duration(self.asked)}, and is asked again sooner" if self.asked else ""
        return f"Waits {duration(self.seconds)} for {self.where}: {self.reason}{asked}"


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
    failed: Callable[[FailedAttempt], None] = field(default=lambda attempt: None, compare=False)
    """Told of each attempt that failed, while the clock stands still."""


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

    def __init__(self, said: str, room: int | None = None) -> None:
        """`room`: output tokens that would still fit, where the endpoint told the numbers."""
        super().__init__(said)
        self.room = room
        self.unfit: int | None = 1 if room == 0 else None
        """The fewest output tokens that are known not to fit; None: no fewer than were asked for."""


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
        """Everything about the model that a conversation can depend on, for the rollout key (JSON, no secrets).

        Complete once `check` has asked the endpoint what it serves.
        """
        ...

    @property
    def where(self) -> str:
        """The endpoint's address without anything secret; empty for a model inside this process."""
        ...

    async def check(self) -> Sequence[str]:
        """Make sure that the endpoint answers and has the model, without buying a token.

        Returns sentences that the person should see; asks once, however often it is called. Raises UserError with the
        fix.
        """
        ...

    def watch(self, told: Callable[[Wait], None]) -> Callable[[], None]:
        """Have `told` called whenever all calls to the endpoint begin to wait, or must wait longer.

        Returns what ends that.
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


@dataclass(frozen=True)
class Opening:
    """What a model is opened for."""

    task: Task
    """Embedded models play its scripted agents; no other model may depend on it."""
    specs: Callable[[int], Spec]
    """1-based number of a run → its problem. Raises TaskError."""
    seed: int
    """`runs.seed`."""
    shared: MutableMapping[Any, Any] = field(default_factory=dict)
    """One for all models of a launch: what clients of one endpoint share, such as their wait for a rate limit."""


class ModelProvider(Protocol):
    """Opens the models of one `model.kind`. An entry point of the group `evalkit.models` names it."""

    def __call__(self, config: ModelConfig, opening: Opening) -> Model:
        """A client for `config`, of which ranges and secrets were checked; nothing is sent before `Model.check`.

        Called on the event loop, at least once for each task of a launch. Raises UserError for a setting that cannot
        work, such as a key that is missing; anything else that it raises is shown with its traceback.
        """
        ...


Body = Mapping[str, Any]
"""A Messages API request."""
Message = dict[str, Json]
"""A Messages API response."""


class EmbeddedBackend(Protocol):
    """Answers Messages API requests inside this process."""

    @property
    def fingerprint(self) -> str:
        """Stands for everything that the answers can depend on, the seed excepted."""
        ...

    @property
    def simulated(self) -> bool:
        """True if no language model ever said what is played."""
        ...

    async def prepare(self, run: int) -> None:
        """Called before each request of `run`, outside of the client. Raises `TaskError`."""
        ...

    def answer(self, run: int, body: Body) -> Message:
        """The whole response to the next turn of `run`, already cut at the request's `max_tokens`."""
        ...


RUN_HEADER = "x-evalkit-run"
"""Tells the embedded API which run is asking. No other endpoint ever gets it."""
