"""The one client: the official Anthropic SDK, whatever answers behind it."""

from __future__ import annotations

import importlib
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.request import proxy_bypass

import anthropic
import httpx2
from anthropic.resources.messages import DEPRECATED_MODELS

from evalkit.config.model_settings import floor_of
from evalkit.config.schema import ModelConfig
from evalkit.model.anthropic import faults
from evalkit.model.anthropic.answers import MESSAGE, WholeAnswer
from evalkit.model.anthropic.backoff import Effort
from evalkit.model.anthropic.endpoint import Endpoint, about, entries, name_of
from evalkit.model.anthropic.prices import cost_usd
from evalkit.model.protocol import RUN_HEADER, ContextLimitError, EmbeddedBackend, Request, Response, Wait
from evalkit.model.requests import encodable
from evalkit.util import addresses, bounded_json
from evalkit.util.errors import ProviderError, UserError
from evalkit.util.redaction import learn_from, names_secret, redacted_json

Client = anthropic.AsyncAnthropic
"""Bedrock's and Vertex's clients have the same methods."""

_PLATFORMS = {"bedrock": ("AsyncAnthropicBedrockMantle", "boto3"), "vertex": ("AsyncAnthropicVertex", "google.auth")}
"""Kind → the SDK's client, and the library that signs its requests."""
_CHECK_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
_UNSTREAMED_TOKENS = 21_333
"""The SDK refuses longer answers without streaming: they may take more than ten minutes at 128,000 tokens an hour."""


def connect(config: ModelConfig) -> Client:
    """The SDK's client for `config`. Keys are read by the SDK itself, from the environment, and nowhere else.

    Raises `UserError` where there is no key, or where the extra of a cloud platform is not installed.
    """
    _find_home()
    learn_from(os.environ)
    own = addresses.parse(config.base_url) if config.base_url is not None else None
    options: dict[str, Any] = {
        "max_retries": 0,  # `RetryGate` repeats attempts, and says so
        "timeout": _timeout(config),
        "middleware": [WholeAnswer()],
        "http_client": _http_client(config, own),
    }
    if own:
        options["base_url"] = str(own)
    if config.kind in _PLATFORMS:
        return _connect_platform(config.kind, options)
    if own and not own.encrypted:
        return anthropic.AsyncAnthropic(api_key="none", default_headers=_without_secrets(os.environ), **options)
    options.setdefault("base_url", _environments_url())
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
        os.environ["HOME"] = "/nonexistent"


def _http_client(config: ModelConfig, own: addresses.Address | None) -> httpx2.AsyncClient:
    """The SDK's own client, but it follows no redirect, which would take the key along, and uses no proxy to reach a
    server on this machine.
    """
    where = own or addresses.from_environment(os.environ)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
    if where.on_this_machine:  # a client with a transport of its own looks for no proxy
        transport = httpx2.AsyncHTTPTransport(limits=limits)
        return httpx2.AsyncClient(timeout=_timeout(config), follow_redirects=False, transport=transport)
    try:
        return anthropic.DefaultAsyncHttpxClient(timeout=_timeout(config), follow_redirects=False, limits=limits)
    except httpx2.InvalidURL as error:
        what = faults.sentence(str(error))
        raise UserError(f"A proxy variable or NO_PROXY is malformed ({what}): correct or unset it") from None
    except (ImportError, ValueError) as error:  # SOCKS without its library, or no address at all
        name, what = _proxy(where) or "the environment", faults.sentence(str(error))
        raise UserError(
            f"The proxy of {name} cannot be used ({what}): correct or unset the variable, or name the host in NO_PROXY"
        ) from None


def _environments_url() -> str | None:
    """`ANTHROPIC_BASE_URL` in the form that the SDK needs, with its password; None for the maker's."""
    named = (os.environ.get("ANTHROPIC_BASE_URL") or "").strip()
    if not named:
        return None
    where = addresses.parse(named, "ANTHROPIC_BASE_URL in the environment", userinfo=True)
    user, mark, _ = named.partition("://")[2].rpartition("@")
    return str(where).replace("://", f"://{user}{mark}", 1)


def _without_secrets(environ: Mapping[str, str]) -> dict[str, Any]:
    """Takes the keys among `ANTHROPIC_CUSTOM_HEADERS`, which the SDK sends to every server, out of a client."""
    names = (line.partition(":")[0].strip() for line in environ.get("ANTHROPIC_CUSTOM_HEADERS", "").split("\n"))
    return {name: anthropic.Omit() for name in names if names_secret(name)}


def _proxy(where: addresses.Address) -> str:
    """The environment variable that names the proxy before an address, if one does."""
    if where.on_this_machine:
        return ""
    if proxy_bypass(where.host):
        return ""
    names = [name for kind in (where.scheme, "all") for name in (f"{kind}_proxy", f"{kind}_proxy".upper())]
    return next((name for name in names if os.environ.get(name)), "")


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
    return httpx2.Timeout(config.timeout_s, connect=min(10.0, config.timeout_s), pool=None)


def endpoint_of(client: Client) -> Endpoint:
    """A fresh endpoint for where the client sends its requests."""
    return Endpoint(addresses.parse(str(client.base_url), "the endpoint's address", userinfo=True))


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
        return {**identity, "endpoint": self.where, **serves, "params": config.params, "headers": headers}

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
        notes = []
        if self.id in DEPRECATED_MODELS:
            notes.append(f"{self.id} is deprecated: its maker stops serving it on {DEPRECATED_MODELS[self.id]}.")
        if self._config.kind in _PLATFORMS:  # Bedrock and Vertex list no models under this API
            return notes
        try:
            found = await self._get(self._client.models.with_raw_response.retrieve, self.id)
        except (anthropic.AuthenticationError, anthropic.APIConnectionError, anthropic.CredentialsError) as error:
            fault = faults.translate(error, self._place, first=True)
            if isinstance(fault, UserError):
                raise fault from error
        except anthropic.APIStatusError as error:
            if 300 <= error.status_code < 400:
                raise faults.translate(error, self._place, first=True) from error
            notes += await self._check_listed(error)
        except ValueError as error:  # the SDK puts no `..` into a path
            raise UserError(f"model.id={self.id} is not a name of a model: {faults.sentence(str(error))}") from error
        else:
            self._remember([found] if isinstance(found, dict) else [])
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
        if self._backend is None:
            return dict(self._config.headers)
        return {RUN_HEADER: str(request.run)}

    def cost_usd(self, usages: Sequence[Mapping[str, Any]]) -> float | None:
        """US dollars for calls with these `usage` objects; None if the price is unknown, or nothing was bought."""
        kind = self._config.kind
        if self._backend is not None or (kind not in _PLATFORMS and not self._endpoint.is_the_makers):
            return None  # another server has prices of its own
        return cost_usd(self.id, usages, kind)

    async def close(self) -> None:
        """Give up the connections."""
        await self._client.close()

    @property
    def _place(self) -> faults.FaultSource:
        where = self._endpoint.address
        keyless = bool(self._config.base_url) and not where.encrypted
        return faults.FaultSource(str(where), self._endpoint.answered, _proxy(where), keyless)


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
