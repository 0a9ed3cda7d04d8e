"""Connection: the SDK's client for a config, with its keys, addresses, proxies and time limits."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import proxy_bypass

import anthropic
import httpx2

from evalkit.config.schema import ModelConfig
from evalkit.model.anthropic import faults
from evalkit.model.anthropic.answers import WholeAnswer
from evalkit.model.anthropic.endpoint import Endpoint
from evalkit.util import addresses
from evalkit.util.errors import UserError
from evalkit.util.redaction import learn_from, names_secret

Client = anthropic.AsyncAnthropic
"""Bedrock's and Vertex's clients have the same methods."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
PLATFORMS = {"bedrock": ("AsyncAnthropicBedrockMantle", "boto3"), "vertex": ("AsyncAnthropicVertex", "google.auth")}
"""Kind → the SDK's client, and the library that signs its requests."""


def connect(config: ModelConfig) -> Client:
    """The SDK's client for `config`. Keys are read by the SDK itself, from the environment, and nowhere else.

    Raises `UserError` where there is no key, or where the extra of a cloud platform is not installed.
    """
    _find_home()
    learn_from(os.environ)
    own = addresses.parse(config.base_url) if config.base_url is not None else None
    options: dict[str, Any] = {
        "max_retries": 0,  # `RetryGate` repeats attempts, and says so
        "timeout": timeout_of(config),
        "middleware": [WholeAnswer()],
        "http_client": _http_client(config, own),
    }
    if own:
        options["base_url"] = str(own)
    if config.kind in PLATFORMS:
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

    Where no proxy can be meant it is the one over aiohttp, which needs less CPU (`benchmarks/peers.py`): the other
    looks at every open connection for every request. It knows no SOCKS and no password in an address.
    """
    where = own or addresses.from_environment(os.environ)
    plain = own is not None or "@" not in (os.environ.get("ANTHROPIC_BASE_URL") or "")
    if plain and (where.on_this_machine or not _names_proxies(os.environ)):
        return anthropic.DefaultAioHttpClient(
            timeout=timeout_of(config),
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=0),  # to aiohttp: as many as it takes
            trust_env=not where.on_this_machine,
        )
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
    if where.on_this_machine:  # a client with a transport of its own looks for no proxy
        transport = httpx2.AsyncHTTPTransport(limits=limits)
        return httpx2.AsyncClient(timeout=timeout_of(config), follow_redirects=False, transport=transport)
    try:
        return anthropic.DefaultAsyncHttpxClient(timeout=timeout_of(config), follow_redirects=False, limits=limits)
    except httpx2.InvalidURL as error:
        what = faults.sentence(str(error))
        raise UserError(f"A proxy variable or NO_PROXY is malformed ({what}): correct or unset it") from None
    except (ImportError, ValueError) as error:  # SOCKS without its library, or no address at all
        name, what = proxy_of(where) or "the environment", faults.sentence(str(error))
        raise UserError(
            f"The proxy of {name} cannot be used ({what}): correct or unset the variable, or name the host in NO_PROXY"
        ) from None


def _names_proxies(environ: Mapping[str, str]) -> bool:
    return any(value and name.lower() in _PROXIES for name, value in environ.items())


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


def proxy_of(where: addresses.Address) -> str:
    """The environment variable that names the proxy before an address, if one does."""
    if where.on_this_machine:
        return ""
    if proxy_bypass(where.host):
        return ""
    names = [name for kind in (where.scheme, "all") for name in (f"{kind}_proxy", f"{kind}_proxy".upper())]
    return next((name for name in names if os.environ.get(name)), "")


def _connect_platform(kind: str, options: Mapping[str, Any]) -> Client:
    name, library = PLATFORMS[kind]
    try:
        client: Client = getattr(anthropic, name)(**options)
        if getattr(client, "api_key", None) is None:  # requests are signed with the platform's own library
            importlib.import_module(library)
    except ImportError:
        raise UserError(f"model.kind={kind} needs the SDK's extra: run pip install 'anthropic[{kind}]'") from None
    except (ValueError, anthropic.AnthropicError) as error:
        raise UserError(f"model.kind={kind} is not set up: {faults.sentence(str(error))}") from None
    return client


def timeout_of(config: ModelConfig) -> httpx2.Timeout:
    return httpx2.Timeout(config.timeout_s, connect=min(10.0, config.timeout_s), pool=None)


def endpoint_of(client: Client) -> Endpoint:
    """A fresh endpoint for where the client sends its requests."""
    return Endpoint(addresses.parse(str(client.base_url), "the endpoint's address", userinfo=True))
