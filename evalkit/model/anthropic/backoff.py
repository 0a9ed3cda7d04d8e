"""Backoff: how long an endpoint waits, one gate for all its calls, and which failed attempts are repeated.

The SDK could repeat attempts by itself, but each call alone and in silence: all concurrent calls would learn of the
same rate limit one by one, each at the price of a retry, and nobody would know that they wait. Here a refusal closes
one gate for all calls, and what they wait for is one state, which view and log show.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import anthropic

from evalkit.model.anthropic import faults
from evalkit.model.protocol import Wait
from evalkit.rollout.record import FailedAttempt

FIRST_S, LONGEST_RETRY_S, LONGEST_PAUSE_S = 0.5, 8.0, 60.0
"""Pauses double from the first to the longest: of one call after faults, of all calls after refusals."""
LONGEST_ASKED_S = 3600.0
"""An endpoint that asks for more patience (`retry-after` of hours) is asked again after so long."""
_NONSENSE_S = 366 * 86_400.0
"""Nobody asks for so much patience."""
SHARED_S = 5.0
"""From so many seconds on, what one call is asked to wait concerns all."""
LOADING_S = 5.0
"""How often a server that loads its model is asked again."""
EXCUSED = 10
"""How often at most a call's time-outs are put down to this process, which was too busy to read."""
_LOADING = re.compile(r"\bloading\b|starting up|warming up|not (yet )?ready", re.IGNORECASE)


@dataclass
class Effort:
    """One call: how patient it is, and who is told what it takes beside the answer."""

    retries: int
    """Failed attempts that are repeated."""
    patience_s: float
    """How long a server may load its model."""
    clock: AbstractContextManager[None]
    """Entered while the call waits."""
    failed: Callable[[FailedAttempt], None]
    tries: int = 0
    """Attempts that count as failed."""
    excused: int = 0
    answers_seen: int = -1
    """How many answers the endpoint had given when this call failed last."""
    unlucky: int = 0
    """Faults that used up no retry, because others were answered meanwhile."""
    _waiting: bool = False

    def wait(self) -> None:
        """The call waits from now on."""
        if not self._waiting:
            self.clock.__enter__()
            self._waiting = True

    def go(self) -> None:
        """An attempt is under way, or the call is over."""
        if self._waiting:
            self._waiting = False
            self.clock.__exit__(None, None, None)


@dataclass
class RetryGate:
    """The gate of one endpoint. Safe for concurrent calls on one event loop."""

    where: str
    told: list[Callable[[Wait], None]] = field(default_factory=list)
    """Called whenever all calls begin to wait, or must wait longer."""
    _opens: float = 0.0
    _pause: float = 0.0
    _rounds: int = 0
    _answers: int = 0
    _loading_since: float | None = None
    _pulse: _Pulse = field(default_factory=lambda: _Pulse())

    async def call(self, attempt: Callable[[], Awaitable[Any]], effort: Effort) -> tuple[Any, float]:
        """Repeat `attempt` until it succeeds: its result, and the seconds of the attempt that did.

        Raises the exception of the last attempt once the call has failed as often as it may.
        """
        while True:
            await self._pass_gate(effort)
            sent = time.monotonic()
            with self._pulse as lag:
                try:
                    result = await attempt()
                except anthropic.AnthropicError as fault:
                    error, seconds, late = fault, time.monotonic() - sent, lag()
                else:
                    self._answers += 1
                    self._rounds, self._loading_since = 0, None
                    return result, time.monotonic() - sent
            pause = self._judge(error, effort, sent, late)
            effort.wait()
            effort.failed(FailedAttempt(faults.said(error), seconds, pause or 0.0))
            if pause is None:
                raise error
            if not closes_gate(error):
                await asyncio.sleep(pause)

    async def _pass_gate(self, effort: Effort) -> None:
        """Wait until the gate is open. Calls leave spread over a quarter of the pause, not all at once."""
        while (left := self._opens - time.monotonic()) > 0:
            effort.wait()
            await asyncio.sleep(left + random.uniform(0, self._pause / 4))
        effort.go()

    def _judge(self, error: anthropic.AnthropicError, effort: Effort, sent: float, lag: float) -> float | None:
        """Seconds until the next attempt, or None if there is none; closes the gate where all have to wait."""
        effort.tries += not self._is_free(error, effort, time.monotonic() - sent, lag)
        more = effort.tries <= effort.retries and repeatable(error)
        asked = asked_pause(error)
        if closes_gate(error):
            pause = self._close(error, asked, new_round=sent >= self._opens)
            return pause if more else None
        pause = FIRST_S * 2 ** min(max(effort.tries - 1, 0), 10)
        return (asked or min(pause, LONGEST_RETRY_S) * random.uniform(0.75, 1)) if more else None

    def _is_free(self, error: anthropic.AnthropicError, effort: Effort, seconds: float, lag: float) -> bool:
        """Whether this failure uses up no retry.

        A server that loads its model does not fail for a while. A refusal does not count if others were answered since
        the last failure: the call had bad luck. Other faults do not count either, but only as often as the call may
        fail: they may be due to what it asks. A time-out does not count if this process was too busy to read.
        """
        if is_loading(error):
            self._loading_since = self._loading_since or time.monotonic()
            return time.monotonic() - self._loading_since < effort.patience_s
        seen, effort.answers_seen = effort.answers_seen, self._answers
        others_were_answered = -1 < seen < self._answers
        if status_of(error) in (429, 529):
            return others_were_answered
        if isinstance(error, anthropic.APITimeoutError):
            busy = lag >= max(1.0, seconds / 4)
            effort.excused += busy
            return busy and effort.excused <= EXCUSED
        effort.unlucky += others_were_answered
        return others_were_answered and effort.unlucky <= effort.retries

    def _close(self, error: anthropic.AnthropicError, asked: float | None, *, new_round: bool) -> float:
        """Hold all calls back. Answers to requests that left together are one round, and count as one refusal."""
        loading = is_loading(error)
        self._rounds += new_round and not loading
        pause = min(FIRST_S * 2 ** min(self._rounds, 10), LONGEST_PAUSE_S)
        pause = LOADING_S if loading else pause
        pause = min(asked or pause, LONGEST_ASKED_S)
        opens = time.monotonic() + pause
        if new_round or (asked and opens > self._opens + 0.1 * pause):
            self._opens, self._pause = max(opens, self._opens), pause
            reason = "it is loading its model" if loading else faults.said(error)
            wait = Wait(self.where, reason, pause, opens, asked if asked and asked > pause else None)
            for tell in self.told:
                tell(wait)
        return pause


def status_of(error: Exception) -> int | None:
    """The HTTP status behind an exception, if there is one."""
    return error.status_code if isinstance(error, anthropic.APIStatusError) else None


def is_loading(error: Exception) -> bool:
    """Whether a server says that it is not ready yet: minutes, with a large model."""
    return status_of(error) == 503 and _LOADING.search(faults.said(error)) is not None


def closes_gate(error: Exception) -> bool:
    """Whether all calls to the endpoint have to wait, not only the one that was told so."""
    if not repeatable(error):
        return False
    return status_of(error) in (429, 529) or is_loading(error) or (asked_pause(error) or 0) >= SHARED_S


def repeatable(error: Exception) -> bool:
    """Whether another attempt can help. `x-should-retry` decides where the endpoint sends it."""
    if isinstance(error, anthropic.APIStatusError):
        said = error.response.headers.get("x-should-retry")
        if said in ("true", "false"):
            return said == "true"
        if error.status_code in (429, 500) and (faults.wants_money(error) or faults.is_refused(error)):
            return False
        if error.status_code == 429:
            return True
        return error.status_code in (408, 409) or (error.status_code >= 500 and error.status_code not in (501, 505))
    if faults.wants_money(error) or faults.is_refused(error):
        return False
    return isinstance(error, anthropic.RetryableError | anthropic.APIConnectionError) and not faults.is_ours(error)


def asked_pause(error: Exception) -> float | None:
    """Seconds above 0 that `retry-after-ms` or `retry-after` (a number or a date) asks for; None for anything else."""
    if not isinstance(error, anthropic.APIStatusError):
        return None
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if 0 < seconds < _NONSENSE_S:
            return seconds
    return _until(headers)


def _until(headers: Mapping[str, str]) -> float | None:
    """Seconds until the date in `retry-after`, by the clock of the server where it tells the time."""
    try:
        then = email.utils.parsedate_to_datetime(headers["retry-after"]).timestamp()
    except (KeyError, ValueError, OverflowError, TypeError):
        return None
    try:
        now = email.utils.parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError, TypeError):
        now = time.time()
    return then - now if 0 < then - now < _NONSENSE_S else None


class _Pulse:
    """How late this event loop is: a tick four times a second while anything is under way."""

    EVERY = 0.25

    def __init__(self) -> None:
        self._entered = 0
        self._late = 0.0
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def __enter__(self) -> Callable[[], float]:
        """A function that tells how many seconds the loop stood still since."""
        if not self._entered:
            self._schedule()
        self._entered += 1
        before = self._lateness()
        return lambda: self._lateness() - before

    def __exit__(self, *exception: object) -> None:
        self._entered -= 1
        if not self._entered and self._handle:
            self._late = self._lateness()
            self._handle.cancel()

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self.EVERY
        self._handle = loop.call_later(self.EVERY, self._tick)

    def _tick(self) -> None:
        self._late = self._lateness()
        self._schedule()

    def _lateness(self) -> float:
        return self._late + max(0.0, asyncio.get_running_loop().time() - self._due)
