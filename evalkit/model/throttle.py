"""Patience: one gate for all requests to an endpoint, and a clock that stands still while a call waits.

The client retries every call on its own. Without a gate, all concurrent calls would learn of the same rate limit one by
one, each at the price of a retry.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any

import anthropic

log = logging.getLogger("evalkit")


class Throttle(anthropic.Middleware):
    """Holds every request back while the provider asks for patience (429, 529), not only the one that was told so.

    Waiting here uses up no retries. Requests leave spread over a quarter of the pause, so that they do not all arrive
    at once.
    """

    longest_s = 60.0
    """Longest pause without a `retry-after`."""

    def __init__(self) -> None:
        self._opens = 0.0
        self._pause = 0.0
        self._refusals = 0

    async def handle_async(self, request: Any, call_next: Any) -> Any:
        """Wait until the gate is open, send, and close it if the answer says so."""
        clock = _clock.get()
        while (left := self._opens - time.monotonic()) > 0:
            clock.stop()
            await asyncio.sleep(left + random.uniform(0, self._pause / 4))
        clock.go()
        try:
            response = await call_next(request)
        except anthropic.AnthropicError:
            clock.stop()
            raise
        if response.status_code in (429, 529):
            self._refusals += 1
            self._pause = _asked_pause(response.headers) or min(0.5 * 2**self._refusals, self.longest_s)
            self._opens = max(self._opens, time.monotonic() + self._pause)
            log.info("HTTP %d: all calls for this model wait %.1f s", response.status_code, self._pause)
        else:
            self._refusals = 0
        if response.status_code >= 400:
            clock.stop()
        return response


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` asks for; a date is left to the client."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    return None


@cache
def throttle_for(endpoint: str, model: str) -> Throttle:
    """The gate that all clients of one launch share for this model: a sweep may open several."""
    return Throttle()


class _Clock:
    """Enters `pause` while a call waits and leaves it while an attempt is under way."""

    def __init__(self, pause: AbstractContextManager[None]) -> None:
        self._pause, self._stopped = pause, False

    def stop(self) -> None:
        if not self._stopped:
            self._pause.__enter__()
            self._stopped = True

    def go(self) -> None:
        if self._stopped:
            self._stopped = False
            self._pause.__exit__(None, None, None)


_clock: ContextVar[_Clock] = ContextVar("clock", default=_Clock(nullcontext()))  # noqa: B039 - nothing to share


@contextmanager
def paused_while_waiting(pause: AbstractContextManager[None]) -> Iterator[None]:
    """Within this block, `pause` is entered whenever a call waits for its next attempt."""
    clock = _Clock(pause)
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)
        clock.go()
