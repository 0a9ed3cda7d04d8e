"""What happens around every single HTTP attempt, inside the client's own retry loop.

The client retries failed attempts within its budget (`model.max_retries`). Two things are added to it as middleware:
a gate that all requests of a launch share, and the check that an answer is whole, because the client itself would
not retry a body that breaks off or does not parse.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from typing import Any

import anthropic
import httpx2

from evalkit.model.sse import BrokenAnswer, read_events
from evalkit.rollout import Json

SENT = "evalkit.sent"
"""Extension of an HTTP response: `time.monotonic()` when its request went out."""


def middleware() -> list[anthropic.Middleware]:
    """The gate first, so that time spent before it counts as waiting and not as the model's."""
    return [Gate(), WholeAnswer()]


class Gate(anthropic.Middleware):
    """Holds every request back while the provider asks for patience (429, 529), not only the one that was told so.

    Waiting at the gate uses up no retries. Requests leave it spread over a quarter of the pause, so that they do not
    arrive all at once.
    """

    longest_s = 60.0
    """Longest pause without a `retry-after`."""

    def __init__(self) -> None:
        self._opens = 0.0
        self._pause = 0.0
        self._refusals = 0

    async def handle_async(self, request: Any, call_next: Any) -> Any:
        """Wait until the gate is open, send, and close it if the answer says so."""
        while (left := self._opens - time.monotonic()) > 0:  # noqa: ASYNC110 - it may have closed again meanwhile
            await asyncio.sleep(left + random.uniform(0, self._pause / 4))
        response = await call_next(request)
        if response.status_code in (429, 529):
            self._refusals += 1
            self._pause = _asked_pause(response.headers) or min(0.5 * 2**self._refusals, self.longest_s)
            self._opens = max(self._opens, time.monotonic() + self._pause)
        else:
            self._refusals = 0
        return response


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` asks for; a date is left to the client."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    return None


class WholeAnswer(anthropic.Middleware):
    """Reads the answer to its end and has the attempt repeated if it is no whole Messages API response."""

    async def handle_async(self, request: Any, call_next: Any) -> Any:
        """Send, read, check. The body stays with the response for `read_message`."""
        sent = time.monotonic()
        response = await call_next(request)
        http: httpx2.Response = response.http_response
        http.extensions[SENT] = sent
        if http.is_success and http.request.method == "POST":
            try:
                await http.aread()
                read_message(http)
            except (httpx2.HTTPError, BrokenAnswer) as fault:
                await http.aclose()
                reason = str(fault) or type(fault).__name__
                raise anthropic.RetryableError(f"the answer broke off: {reason}") from fault
        return response


def read_message(response: httpx2.Response) -> dict[str, Json]:
    """The Messages API response in a body, plain or streamed, as it came. Raises `BrokenAnswer`."""
    if "text/event-stream" in response.headers.get("content-type", ""):
        return read_events(response.text)
    try:
        message = json.loads(response.content)
    except ValueError:
        raise BrokenAnswer("its body is no JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise BrokenAnswer("its body is no Messages API response")
    return message
