"""The Messages API inside this process: an HTTP transport that hands requests to a backend, behind the official client.

Embedded models take every step that production takes: the same client builds the request, the same code retries and
reads the response. Only the socket is missing.
"""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2

from evalkit.config.schema import ModelConfig
from evalkit.model.anthropic.answers import WholeAnswer
from evalkit.model.anthropic.sse import write_events
from evalkit.model.embedded.scripted_backends import Refusal
from evalkit.model.protocol import RUN_HEADER, EmbeddedBackend


def connect_embedded(config: ModelConfig, backend: EmbeddedBackend) -> anthropic.AsyncAnthropic:
    """The official client with `backend` where the network would be."""
    return anthropic.AsyncAnthropic(
        api_key="embedded",
        base_url="http://embedded.invalid",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=_Transport(backend, config.id)),
        middleware=[WholeAnswer()],
    )


class _Transport(httpx2.AsyncBaseTransport):
    """Answers `POST /v1/messages` (plain and streamed) and `GET /v1/models/<id>`."""

    def __init__(self, backend: EmbeddedBackend, model: str) -> None:
        self._backend, self._model = backend, model

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json={"type": "model", "id": self._model, "display_name": self._model})
        body: dict[str, Any] = json.loads(await request.aread())
        try:
            message = self._backend.answer(int(request.headers[RUN_HEADER]), body)
        except Refusal as refusal:
            error = {"type": "invalid_request_error", "message": str(refusal)}
            return httpx2.Response(400, json={"type": "error", "error": error})
        if body.get("stream"):
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=write_events(message))
        return httpx2.Response(200, json=message)
