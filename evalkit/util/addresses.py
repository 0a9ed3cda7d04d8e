"""Address of a model's server, parsed once, and whether a key may be sent there."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from evalkit.util.errors import UserError

MAKER = "https://api.anthropic.com"
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")
_TAIL = re.compile(r"/v1(/messages(/count_tokens)?|/chat/completions|/completions|/responses|/models)?$")
"""What the SDK appends by itself, or another client would; people copy it from examples."""


@dataclass(frozen=True)
class Address:
    """An endpoint: everything that tells one server from another, and nothing secret."""

    scheme: str
    """`http` or `https`."""
    host: str
    """In lower case."""
    port: int
    path: str
    """What stands before `/v1/messages`: empty, or `/gateway/anthropic`."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def encrypted(self) -> bool:
        """Whether a key may travel there."""
        return self.scheme == "https"

    @property
    def on_this_machine(self) -> bool:
        """Whether it is a loopback address: no proxy stands before it."""
        try:
            number = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")
        return number.is_loopback or number.is_unspecified


def parse(url: str, name: str = "model.base_url", *, userinfo: bool = False) -> Address:
    """The address that a person wrote. Raises `UserError`, which repeats nothing that may be secret.

    `userinfo`: allow `user:password@`, which the environment may hold and a command line may not.
    """
    text = url.strip()
    if "@" in text and not userinfo:
        raise UserError(
            f"{name} holds a user name or a password, which would be written to disk: put the whole address into "
            "ANTHROPIC_BASE_URL in the environment and set model.base_url=null"
        )
    if "?" in text or "#" in text:
        raise UserError(f"{name} has a query or a fragment (? or #): give the address alone, such as {MAKER}")
    parts, port = _split(text, name)
    scheme = parts.scheme.lower()
    path = _TAIL.sub("", parts.path.rstrip("/")).rstrip("/")
    return Address(scheme, str(parts.hostname), port or _PORTS[scheme], path)


def from_environment(environ: Mapping[str, str]) -> Address:
    """Where requests go if no `model.base_url` is set: the SDK reads the same variable."""
    named = environ.get("ANTHROPIC_BASE_URL") or MAKER
    return parse(named, "ANTHROPIC_BASE_URL in the environment", userinfo=True)


def _split(text: str, name: str) -> tuple[SplitResult, int | None]:
    shown = "" if "@" in text else f"={text}"
    if not text:
        raise UserError(f"{name} is empty: write an address, such as {name}=http://127.0.0.1:8000, or null for none")
    if not re.match(r"https?:", text, re.IGNORECASE):
        raise UserError(
            f"{name}{shown} does not begin with http:// or https://: write for example {name}=http://{_bare(text)}"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UserError(f"{name}{shown} is not an address ({error}): write it like http://127.0.0.1:8000") from None
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or port == 0 or re.search(r"[\s\x00-\x1f]", text):
        raise UserError(f"{name}{shown} names no host: write it like http://127.0.0.1:8000")
    return parts, port


def _bare(text: str) -> str:
    host = re.fullmatch(r"(?:\w*:?//)?([\w.-]+(?::\d+)?)/?.*", text)
    return host[1] if host and "@" not in text else "127.0.0.1:8000"
