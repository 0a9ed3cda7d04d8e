"""The one client: the official Anthropic SDK, whatever answers behind it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import anthropic
import httpx2
from anthropic.resources.messages import DEPRECATED_MODELS

from evalkit.config.model_settings import floor_of
from evalkit.config.schema import ModelConfig
from evalkit.model.anthropic import accepted, faults
from evalkit.model.anthropic.answers import MESSAGE
from evalkit.model.anthropic.backoff import Effort
from evalkit.model.anthropic.connection import PLATFORMS, Client, endpoint_of, proxy_of, timeout_of
from evalkit.model.anthropic.endpoint import Endpoint, about, entries, name_of
from evalkit.model.anthropic.prices import cost_usd
from evalkit.model.protocol import RUN_HEADER, ContextLimitError, EmbeddedBackend, Request, Response, Wait
from evalkit.model.requests import encodable
from evalkit.util import bounded_json
from evalkit.util.errors import ProviderError, UserError
from evalkit.util.redaction import redacted_json

_VERSION = "anthropic-version"
_CHECK_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
_UNSTREAMED_TOKENS = 21_333
"""The SDK refuses longer answers without streaming: they may take more than ten minutes at 128,000 tokens an hour."""


class AnthropicModel:
    """A model behind the SDK. Safe for concurrent calls."""

    def __init__(
        self,
        config: ModelConfig,
        client: Client,
        backend: EmbeddedBackend | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        """`backend` is set for embedded models: who answers inside this process. `endpoint`: what others share."""
        self._config, self._client, self._backend = config, client, backend
        self._endpoint = endpoint or endpoint_of(client)
        # Said once, by `check`, instead of once a call.
        warnings.filterwarnings("ignore", message=r"The model '.*' is deprecated", category=DeprecationWarning)

    @property
    def id(self) -> str:
        """The model id that is asked for."""
        return self._config.id

    @property
    def simulated(self) -> bool:
        """True if no language model stands behind it."""
        return self._backend is not None and self._backend.simulated

    @property
    def ceiling(self) -> int:
        """Output tokens that one response can have at most (`model.max_output_tokens`)."""
        return self._config.max_output_tokens

    @property
    def floor(self) -> int:
        """A fixed thinking budget must fit below `max_tokens`; else one token is enough to ask."""
        return floor_of(self._config.params)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that a conversation can depend on. JSON, no secrets. Complete once `check` was called."""
        config = self._config
        identity: dict[str, Any] = {"kind": config.kind, "id": config.id, "max_output_tokens": config.max_output_tokens}
        if self._backend is not None:
            return {**identity, "script": self._backend.fingerprint}
        headers = {name.lower(): value for name, value in config.headers.items()}
        serves = {"serves": self._endpoint.serves} if self._endpoint.serves else {}
        version = {"api_version": self.api_version} if config.api_version or self._is_the_makers_api else {}
        return {**identity, "endpoint": self.where, **serves, **version, "params": config.params, "headers": headers}

    @property
    def api_version(self) -> str:
        """The API version in force: `model.api_version`, else the one that the SDK sends."""
        named = {name.lower(): value for name, value in self._config.headers.items()}.get(_VERSION)
        return self._config.api_version or named or str(self._client.default_headers[_VERSION])

    @property
    def _is_the_makers_api(self) -> bool:
        return self._endpoint.is_the_makers or self._config.kind in PLATFORMS

    @property
    def where(self) -> str:
        """The endpoint's address; empty for an embedded model."""
        return "" if self._backend is not None else str(self._endpoint.address)

    def watch(self, told: Callable[[Wait], None]) -> Callable[[], None]:
        """Have `told` called whenever all calls to the endpoint begin to wait; returns what ends that."""
        listeners = self._endpoint.gate.told
        listeners.append(told)
        return lambda: listeners.remove(told)

    async def check(self) -> Sequence[str]:
        """Make sure that the endpoint answers and has the model, without buying a token.

        Returns sentences that the person should see; asks once. Raises `UserError` with the fix. A provider that is
        merely overloaded passes: the runs retry.
        """
        async with self._endpoint.lock:
            if not self._endpoint.checked:
                self._endpoint.notes = tuple(await self._ask_what_is_served())
                self._endpoint.checked = True
        return self._endpoint.notes

    async def _ask_what_is_served(self) -> list[str]:
        if self._backend is not None:
            return []
        if self._config.kind in PLATFORMS:  # Bedrock and Vertex list no models under this API
            return self._judge_settings({})
        told: Mapping[str, Any] = {}
        notes: list[str] = []
        try:
            found = await self._get(self._client.models.with_raw_response.retrieve, self.id)
        except (anthropic.AuthenticationError, anthropic.APIConnectionError, anthropic.CredentialsError) as error:
            fault = faults.translate(error, self._place, first=True)
            if isinstance(fault, UserError):
                raise fault from error
        except anthropic.APIStatusError as error:
            if 300 <= error.status_code < 400:
                raise faults.translate(error, self._place, first=True) from error
            notes = await self._check_listed(error)
        except ValueError as error:  # the SDK puts no `..` into a path
            raise UserError(f"model.id={self.id} is not a name of a model: {faults.sentence(str(error))}") from error
        else:
            told = found if isinstance(found, dict) else {}
            self._remember([told] if told else [])
        return self._judge_settings(told) + notes

    def _judge_settings(self, told: Mapping[str, Any]) -> list[str]:
        """What a person should know of the model's end. Raises `UserError` for settings that would be refused.

        A server that says nothing of capabilities may accept what the maker's own API refuses: that is a note.
        """
        notes = accepted.lifecycle_notes(self.id, told, datetime.now(UTC))
        if not notes and self.id in DEPRECATED_MODELS:
            notes = [f"{self.id} is deprecated: its maker stops serving it on {DEPRECATED_MODELS[self.id]}."]
        why = accepted.refusal(self._config, self.api_version, told)
        if why and (self._is_the_makers_api or "capabilities" in told or "lifecycle" in told):
            raise UserError(why)
        if why and accepted.family_of(self.id):
            notes.append(f"{self.where} may refuse this as the model's maker does: {why}.")
        return notes

    async def _get(self, ask: Callable[..., Any], *arguments: Any) -> Any:
        """The JSON of an answer, whatever its shape; None where it is none. Waits for a server that is loading."""

        async def attempt() -> Any:
            try:
                raw = await ask(*arguments, timeout=_CHECK_TIMEOUT)
            except httpx2.HTTPError as error:
                raise anthropic.APIConnectionError(request=error.request) from error
            try:
                return bounded_json.loads(raw.http_response.content)
            except ValueError:
                return None

        effort = Effort(min(1, self._config.max_retries), self._config.patience_s, nullcontext(), lambda failed: None)
        return (await self._endpoint.gate.call(attempt, effort))[0]

    def _remember(self, listed: Sequence[Mapping[str, Any]]) -> None:
        """What the endpoint says of the model becomes part of the key, unless its ids are their maker's."""
        if not self._endpoint.is_the_makers:
            self._endpoint.serves = redacted_json(about(self.id, listed))

    async def _check_listed(self, error: anthropic.APIStatusError) -> list[str]:
        """The server did not tell about the id alone. The maker's list decides; another server may take any id."""
        if self._endpoint.is_the_makers and error.status_code != 404:
            return []  # it answers, and says no more about models: the runs retry
        listed = await self._listed()
        self._remember(listed)
        names = [name_of(entry) for entry in listed]
        if self._endpoint.is_the_makers:
            raise faults.unknown_model(self.id, self._place, names)
        if not listed and error.status_code >= 500:
            said = faults.said(error)
            return [f"{self.where} does not tell what it serves ({said}): rollouts of when it did are not reused."]
        if not listed or self.id in names:
            return []
        return [f"{self.where} lists {faults.some(names)} and not model.id={self.id}: it may refuse it."]

    async def _listed(self) -> list[dict[str, Any]]:
        try:
            return entries(await self._get(self._client.models.with_raw_response.list))
        except (anthropic.AnthropicError, ValueError):  # a server without a list: the message names none
            return []

    async def respond(self, request: Request) -> Response:
        """Ask, with retries. Raises ProviderError, UserError, ContextLimitError."""
        if self._backend is not None:  # what a task's own code raises must not look like a fault of the connection
            await self._backend.prepare(request.run)
        try:
            return await self._respond(request, request.max_tokens)
        except ContextLimitError as error:
            # The model sees no `max_tokens`: what fits beside the conversation is all that it can write anyway.
            if error.room is None or not self.floor <= error.room < request.max_tokens:
                raise
            try:
                return await self._respond(request, error.room)
            except ContextLimitError as again:
                again.unfit = again.unfit or error.room
                raise

    async def _respond(self, request: Request, max_tokens: int) -> Response:
        started = time.monotonic()
        first = not any(message["role"] == "assistant" for message in request.messages)
        effort = Effort(self._config.max_retries, self._config.patience_s, request.clock, request.failed)
        arguments = self._arguments(request, max_tokens)
        try:
            message, seconds = await self._endpoint.gate.call(lambda: self._send(arguments), effort)
        except anthropic.NotFoundError as error:
            names = [name_of(entry) for entry in await self._listed()]
            raise faults.unknown_model(self.id, self._place, names) from error
        except anthropic.AnthropicError as error:
            if self._backend is not None and isinstance(error, anthropic.BadRequestError):  # a backend's own sentence
                raise (UserError if first else ProviderError)(faults.words(error)) from error
            raise faults.translate(error, self._place, first=first, asked=max_tokens) from error
        finally:
            effort.go()
        self._endpoint.answered = True
        return Response(message, seconds=seconds, waited=time.monotonic() - started - seconds)

    async def _send(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """One attempt: the answer as it came, but for a key that an endpoint repeats."""
        create = self._client.messages.with_raw_response.create
        try:
            try:
                raw = await create(**arguments)
            except (
                UnicodeEncodeError
            ):  # half a surrogate pair: a program can print it, JSON can hold it, no request can
                raw = await create(**encodable(arguments))
        except httpx2.HTTPError as error:  # the body of an error broke off
            raise anthropic.APIConnectionError(request=error.request) from error
        message: Mapping[str, Any] = redacted_json(raw.http_response.extensions[MESSAGE])
        return message

    def _arguments(self, request: Request, max_tokens: int) -> dict[str, Any]:
        config = self._config
        stream = config.stream == "always" or (config.stream == "auto" and max_tokens > _UNSTREAMED_TOKENS)
        arguments: dict[str, Any] = {
            "model": config.id,
            "max_tokens": max_tokens,
            "messages": [_as_blocks(message) for message in request.messages],
            "extra_headers": self._headers(request),
            "extra_body": dict(config.params),
            "timeout": timeout_of(config),
        }
        if request.system:
            arguments["system"] = [{"type": "text", "text": request.system}]
        if request.tools:
            arguments["tools"] = list(request.tools)
        if stream:
            arguments["stream"] = True
        return mark_cache(arguments) if config.cache_prompt else arguments

    def _headers(self, request: Request) -> dict[str, str]:
        if self._backend is not None:
            return {RUN_HEADER: str(request.run)}
        pinned = self._config.api_version
        return {**self._config.headers, **({_VERSION: pinned} if pinned else {})}

    def cost_usd(self, usages: Sequence[Mapping[str, Any]]) -> float | None:
        """US dollars for calls with these `usage` objects; None if the price is unknown, or nothing was bought."""
        kind = self._config.kind
        if self._backend is not None or (kind not in PLATFORMS and not self._endpoint.is_the_makers):
            return None  # another server has prices of its own
        return cost_usd(self.id, usages, kind)

    async def close(self) -> None:
        """Give up the connections."""
        await self._client.close()

    @property
    def _place(self) -> faults.FaultSource:
        where = self._endpoint.address
        keyless = bool(self._config.base_url) and not where.encrypted
        return faults.FaultSource(str(where), self._endpoint.answered, proxy_of(where), keyless)


_MARK = {"cache_control": {"type": "ephemeral"}}


def mark_cache(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The request with its unchanging prefix marked for caching.

    Three of the four marks that the API allows: the last tool, the system prompt, and the last block that we said,
    which moves along, so that each turn reads what the turn before has written.
    """
    marked = dict(arguments)
    for key in ("tools", "system"):
        if marked.get(key):
            *rest, last = marked[key]
            marked[key] = [*rest, {**last, **_MARK}]
    messages = list(marked["messages"])
    newest = max(index for index, message in enumerate(messages) if message["role"] == "user")
    *rest, last = messages[newest]["content"]
    messages[newest] = {**messages[newest], "content": [*rest, {**last, **_MARK}]}
    return {**marked, "messages": messages}


def _as_blocks(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Text in the long form, always: what a message looks like must not depend on where the cache mark is."""
    if not isinstance(message["content"], str):
        return message
    return {**message, "content": [{"type": "text", "text": message["content"]}]}
