"""The check that an answer is whole, made with every attempt, and the reading of a whole answer.

The client itself would hand on a body that breaks off or does not parse; here such an attempt counts as failed and is
repeated within the same budget (`model.max_retries`).
"""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2

from evalkit.model.anthropic.sse import BrokenAnswer, Reported, read_events
from evalkit.rollout import response_shape
from evalkit.rollout.record import Json
from evalkit.util import bounded_json

MESSAGE = "evalkit.message"
"""Extension of an HTTP response: the message in its body."""


class WholeAnswer(anthropic.Middleware):
    """Reads the answer to its end and has the attempt repeated if it is not a whole Messages API response.

    The record, the report and every later reader rely on this check: whatever passes it, they can hold and show.
    """

    async def handle_async(self, request: Any, call_next: Any) -> Any:
        """Send, read, check. The message stays with the HTTP response, under `MESSAGE`.

        Raises `RetryableError` for an answer that broke off.
        """
        response = await call_next(request)
        http: httpx2.Response = response.http_response
        if http.is_success and http.request.method == "POST":
            try:
                http.extensions[MESSAGE] = read_message(await _body(http), http.headers.get("content-type", ""))
            except (httpx2.HTTPError, BrokenAnswer) as fault:
                await http.aclose()
                reason = str(fault) or type(fault).__name__
                raise anthropic.RetryableError(f"the answer broke off: {reason}") from fault
        return response


async def _body(http: httpx2.Response) -> bytes:
    parts, size = [], 0
    async for part in http.aiter_bytes():
        size += len(part)
        if size > bounded_json.SIZE:
            raise BrokenAnswer(f"it is longer than {bounded_json.SIZE:,} bytes")
        parts.append(part)
    return b"".join(parts)


def read_message(body: bytes, content_type: str) -> dict[str, Json]:
    """The Messages API response in a body, plain or streamed, as it came and within bounds. Raises `BrokenAnswer`.

    Raises `Reported` for an error that the body states.
    """
    if _holds_events(body, content_type):
        message: Json = bounded_json.bounded(read_events(body.decode("utf-8-sig", "replace")))
    else:
        try:
            message = bounded_json.loads(body)
        except ValueError:
            raise BrokenAnswer("its body is not JSON") from None
    if isinstance(message, dict) and message.get("error") and not message.get("content"):
        raise Reported(message["error"], "its body")
    if why := response_shape.fault(message):
        raise BrokenAnswer(why)
    checked: dict[str, Json] = message
    return checked


def _holds_events(body: bytes, content_type: str) -> bool:
    """Gateways name either form wrongly, or not at all: the body tells."""
    start = body[:20].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"event:", b"data:", b":")):
        return True
    return "text/event-stream" in content_type and not start.startswith(b"{")
