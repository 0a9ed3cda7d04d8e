"""The check that an answer is whole, made inside the client's retry loop, and the reading of a whole answer.

The client itself would hand on a body that breaks off or does not parse; here such an attempt counts as failed and is
repeated within the same budget (`model.max_retries`).
"""

from __future__ import annotations

import time
from typing import Any

import anthropic
import httpx2

from evalkit import deepjson
from evalkit.model.sse import BrokenAnswer, read_events
from evalkit.rollout import Json

SENT = "evalkit.sent"
"""Extension of an HTTP response: `time.monotonic()` when its request went out."""


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
        message = deepjson.loads(response.content)
    except ValueError:
        raise BrokenAnswer("its body is no JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        raise BrokenAnswer("its body is no Messages API response")
    return message
