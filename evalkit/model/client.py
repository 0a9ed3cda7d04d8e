"""The one client: the official Anthropic SDK, whatever answers behind it."""

from __future__ import annotations

import importlib
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anthropic
import httpx2
from anthropic.resources.messages import DEPRECATED_MODELS

from evalkit.config import ModelConfig
from evalkit.errors import ProviderError, UserError
from evalkit.model import faults
from evalkit.model.answers import MESSAGE, SENT, WholeAnswer
from evalkit.model.api import Request, Response
from evalkit.model.players import Player
from evalkit.model.requests import encodable
from evalkit.model.throttle import paused_while_waiting, throttle_for
from evalkit.prices import cost_usd

Client = anthropic.AsyncAnthropic
"""Bedrock's and Vertex's clients have the same methods."""

MAKER = "api.anthropic.com"
_OURS = {"max_tokens", "messages", "model", "stream", "system", "tools"}
_SECRET_HEADERS = {"authorization", "x-api-key", "proxy-authorization", "cookie"}
_PLATFORMS = {"bedrock": ("AsyncAnthropicBedrockMantle", "boto3"), "vertex": ("AsyncAnthropicVertex", "google.auth")}
"""Kind → the SDK's client, and the library that signs its requests."""
_CHECK_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
_UNSTREAMED_TOKENS = 21_333
"""The SDK refuses longer answers without streaming: they may take more than ten minutes at 128,000 tokens an hour."""


def connect(config: ModelConfig) -> Client:
    """The SDK's client for `config`. Keys are read by the SDK itself, from the environment, and nowhere else.

    Raises `UserError` where there is no key, or where the extra of a cloud platform is not installed.
    """
    _check_config(config)
    _find_home()
    options: dict[str, Any] = {
        "base_url": config.base_url,
        "max_retries": config.max_retries,
        "timeout": _timeout(config),
        "middleware": [throttle_for(str(config.base_url or config.kind), config.id), WholeAnswer()],
    }
    if config.kind == "anthropic" and (config.base_url or "").startswith("http://"):
        # A server of one's own. It gets no key: the real one must not travel unencrypted, yet the SDK wants one.
        return anthropic.AsyncAnthropic(api_key="none", **options)
    if config.kind in _PLATFORMS:
        return _connect_platform(config.kind, options)
    try:
        client = anthropic.AsyncAnthropic(**options)
    except anthropic.CredentialsError as error:
        raise UserError(f"{faults.sentence(str(error))}; or set ANTHROPIC_API_KEY") from None
    if client.api_key or client.auth_token or client.credentials:
        return client
    raise UserError(
        f"model.id={config.id} needs a key: set ANTHROPIC_API_KEY, or use model=simulated, which needs none"
    )


def _find_home() -> None:
    """The SDK looks for its settings in the home directory: a user without one, as in many containers, has none."""
    try:
        Path.home()
    except RuntimeError:
        os.environ.setdefault("ANTHROPIC_CONFIG_DIR", os.devnull)


def _connect_platform(kind: str, options: Mapping[str, Any]) -> Client:
    name, library = _PLATFORMS[kind]
    try:
        client: Client = getattr(anthropic, name)(**options)
        if getattr(client, "api_key", None) is None:  # requests are signed with the platform's own library
            importlib.import_module(library)
    except ImportError:
        raise UserError(f"model.kind={kind} needs the SDK's extra: run pip install 'anthropic[{kind}]'") from None
    except (ValueError, anthropic.AnthropicError) as error:
        raise UserError(f"model.kind={kind} is not set up: {faults.sentence(str(error))}") from None
    return client


def _timeout(config: ModelConfig) -> httpx2.Timeout:
    return httpx2.Timeout(config.timeout_s, connect=min(10.0, config.timeout_s))


def _check_config(config: ModelConfig) -> None:
    for name in config.headers:
        if name.lower() in _SECRET_HEADERS:
            raise UserError(
                f"model.headers.{name} would write a secret to disk: set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN) "
                "in the environment instead"
            )
    for name in config.params:
        if name in _OURS:
            raise UserError(f"model.params.{name} is set by evalkit: take it out (limits.* and model.* decide it)")


class AnthropicModel:
    """A model behind the SDK. Safe for concurrent calls."""

    def __init__(self, config: ModelConfig, client: Client, player: Player | None = None) -> None:
        """`player` is set for embedded models: who answers inside this process."""
        self._config, self._client, self._player = config, client, player
        self._answered = False
        # Said once, by `check`, instead of once a call.
        warnings.filterwarnings("ignore", message=r"The model '.*' is deprecated", category=DeprecationWarning)

    @property
    def id(self) -> str:
        """The model id that is asked for."""
        return self._config.id

    @property
    def simulated(self) -> bool:
        """True if no language model stands behind it."""
        return self._player is not None and self._player.simulated

    @property
    def ceiling(self) -> int:
        """Output tokens that one response can have at most (`model.max_output_tokens`)."""
        return self._config.max_output_tokens

    @property
    def floor(self) -> int:
        """A fixed thinking budget must fit below `max_tokens`; else one token is enough to ask."""
        thinking = self._config.params.get("thinking") or {}
        return int(thinking.get("budget_tokens") or 0) + 1

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that a conversation can depend on. JSON, no secrets."""
        config = self._config
        identity: dict[str, Any] = {"kind": config.kind, "id": config.id, "max_output_tokens": config.max_output_tokens}
        if self._player is not None:
            return {**identity, "script": self._player.fingerprint}
        headers = {name.lower(): value for name, value in config.headers.items()}
        return {**identity, "endpoint": self._endpoint, "params": config.params, "headers": headers}

    async def check(self) -> Sequence[str]:
        """Make sure that the endpoint answers and has the model, without buying a token.

        Returns sentences that the person should see. Raises `UserError` with the fix. A provider that is merely
        overloaded passes: the runs retry.
        """
        notes = []
        if self.id in DEPRECATED_MODELS and self._player is None:
            notes.append(f"{self.id} is deprecated: its maker stops serving it on {DEPRECATED_MODELS[self.id]}.")
        if self._config.kind in _PLATFORMS:  # Bedrock and Vertex list no models under this API
            return notes
        once = self._client.with_options(max_retries=min(1, self._config.max_retries), timeout=_CHECK_TIMEOUT)
        try:
            await once.models.with_raw_response.retrieve(self.id)
        except anthropic.NotFoundError:
            notes.extend(await self._check_listed())
        except (anthropic.AuthenticationError, anthropic.APIConnectionError, anthropic.CredentialsError) as error:
            fault = faults.translate(error, self._where, first=True)
            if isinstance(fault, UserError):
                raise fault from error
        except anthropic.APIStatusError:
            pass  # it answers, and says no more about models
        return notes

    async def _check_listed(self) -> list[str]:
        """The id was not found. The maker's own list decides; another server may take any id."""
        listed = await self._listed()
        if self._endpoint == MAKER:
            raise faults.unknown_model(self.id, self._where, listed)
        if not listed or self.id in listed:
            return []
        return [f"{self._where} lists {', '.join(listed)} and not model.id={self.id}: it may refuse it."]

    async def _listed(self) -> list[str]:
        try:
            page = await self._client.models.list(limit=1000)
            return [model.id for model in page.data or ()]
        except (anthropic.AnthropicError, ValueError):  # a server without a list: the message names none
            return []

    async def respond(self, request: Request) -> Response:
        """Ask, with retries. Raises ProviderError, UserError, ContextLimitError."""
        if self._player is not None:  # what a task's own code raises must not look like a fault of the connection
            self._player.prepare(request.run)
        started = time.monotonic()
        first = not any(message["role"] == "assistant" for message in request.messages)
        try:
            with paused_while_waiting(request.clock):
                raw = await self._send(self._arguments(request))
        except anthropic.NotFoundError as error:
            raise faults.unknown_model(self.id, self._where, await self._listed()) from error
        except anthropic.AnthropicError as error:
            if self._player is not None and isinstance(error, anthropic.BadRequestError):  # a player's own sentence
                raise (UserError if first else ProviderError)(faults.words(error)) from error
            raise faults.translate(error, self._where, first=first, reached=self._answered) from error
        self._answered = True
        sent = raw.http_response.extensions[SENT]
        message = raw.http_response.extensions[MESSAGE]
        return Response(message, seconds=time.monotonic() - sent, waited=sent - started)

    async def _send(self, arguments: Mapping[str, Any]) -> Any:
        create = self._client.messages.with_raw_response.create
        try:
            return await create(**arguments)
        except UnicodeEncodeError:  # half a surrogate pair, which a program can print and JSON can hold, but no request
            return await create(**encodable(arguments))

    def _arguments(self, request: Request) -> dict[str, Any]:
        config = self._config
        stream = config.stream == "always" or (config.stream == "auto" and request.max_tokens > _UNSTREAMED_TOKENS)
        arguments: dict[str, Any] = {
            "model": config.id,
            "max_tokens": request.max_tokens,
            "messages": [_as_blocks(message) for message in request.messages],
            "extra_headers": self._headers(request),
            "extra_body": dict(config.params),
            "timeout": _timeout(config),
        }
        if request.system:
            arguments["system"] = [{"type": "text", "text": request.system}]
        if request.tools:
            arguments["tools"] = list(request.tools)
        if stream:
            arguments["stream"] = True
        return mark_cache(arguments) if config.cache_prompt else arguments

    def _headers(self, request: Request) -> dict[str, str]:
        if self._player is None:
            return dict(self._config.headers)
        from evalkit.model.embedded import RUN_HEADER

        return {RUN_HEADER: str(request.run)}

    def cost_usd(self, usages: Sequence[Mapping[str, Any]]) -> float | None:
        """US dollars for calls with these `usage` objects; None if the price is unknown, or nothing was bought."""
        kind = self._config.kind
        if self._player is not None or (kind not in _PLATFORMS and self._endpoint != MAKER):
            return None  # another server has prices of its own
        return cost_usd(self.id, usages, kind)

    async def close(self) -> None:
        """Give up the connections."""
        await self._client.close()

    @property
    def _endpoint(self) -> str:
        return str(self._client.base_url.host)

    @property
    def _where(self) -> str:
        url = self._client.base_url
        return f"{url.scheme}://{url.netloc.decode()}"


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
