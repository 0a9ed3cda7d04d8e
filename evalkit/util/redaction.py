"""Keys and passwords: which names hold one, which values are known, and their removal from everything written.

What may be secret is the value of an environment variable with a telling name, the password of an address in the
environment, and whatever was typed behind a telling name. Text passes `redacted` on its way to a file or a terminal,
JSON passes `redacted_json`. Both replace the same value by the same words every time.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from types import TracebackType
from typing import Any, TextIO, cast
from urllib.parse import quote, unquote, urlsplit

SHORTEST = 8
"""Characters below which a value is not a secret: `none`, `EMPTY` and `dummy` are what local servers are given."""

_ALONE = {"auth", "authorization", "bearer", "cookie", "cookies", "credential", "credentials", "jwt", "passphrase"}
_ALONE |= {"passwd", "password", "pwd", "secret", "secrets", "apikey", "authkey", "accesskey", "secretkey", "authtoken"}
_ALONE |= {"accesstoken", "privatekey", "sessiontoken", "bearertoken", "apitoken"}
_KEY_OF = {"access", "account", "admin", "api", "auth", "encryption", "functions", "license", "master", "private"}
_KEY_OF |= {"secret", "service", "shared", "signing", "subscription", "virtual", "vault", "x"}
_KEY_OF |= {"deploy", "gateway", "litellm", "llm", "openai", "openrouter", "project", "proxy", "router", "team"}
_TOKEN_OF = {"access", "api", "auth", "bearer", "csrf", "hf", "hub", "id", "identity", "oauth", "personal", "refresh"}
_TOKEN_OF |= {"gateway", "github", "gitlab", "proxy", "security", "service", "session", "vault", "x", "xsrf"}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_OF_THE_SDK = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LIKE_A_KEY = re.compile(
    r"\bsk-[A-Za-z0-9]+-[A-Za-z0-9_-]{8,}"
    r"|\bsk-[A-Za-z0-9]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bhf_[A-Za-z0-9]{30,}"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<=://)[^\s/:@'\"<>]*:[^\s/@'\"<>]+(?=@)"
)
_NAMED = re.compile(r"(?P<name>[\w.+~@-]+)[\"']?\s*[=:]\s*(?P<value>\"[^\"]*\"|'[^']*'|[^,{}\]]*)")
"""`key=value` and `{key: value}` in an override."""
_MARKS = ("sk-", "AKIA", "AIza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hf_", "earer ", "@")
"""One of them stands in whatever `_LIKE_A_KEY` finds: to look for them first is a hundred times faster."""
_PEOPLES_OWN = ("task", "agent")
"""Nodes whose knobs may be called anything."""
_NUMBER = re.compile(r"[\d.eE+-]+")
_known: dict[str, str] = {}
"""Secret → the words that stand for it."""
_looked_at: set[tuple[str, str]] = set()
"""Variables that need not be looked at again."""


def names_secret(name: str) -> bool:
    """Whether a header, parameter or variable of this name holds a secret: `x-api-key`, `authToken`, `Set-Cookie`."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return False
    if _ALONE.intersection(words):
        return True
    pairs = list(zip(["x", *words], words, strict=False))
    return words == ["token"] or any(
        (last == "key" and first in _KEY_OF) or (last == "token" and first in _TOKEN_OF) for first, last in pairs
    )


def learn(value: str, label: str = "secret") -> None:
    """Remember a value that must not be written, in every form in which it may come back."""
    if len(value) < SHORTEST or _NUMBER.fullmatch(value):  # a number in JSON must stay one
        return
    for form in {value, json.dumps(value)[1:-1], quote(value, safe=""), unquote(value), value.strip()}:
        if len(form) >= SHORTEST:
            _known.setdefault(form, f"<{label}>")
    _matcher.cache_clear()


def learn_from(environ: Mapping[str, str]) -> None:
    """Remember what the environment holds: keys, and passwords in the addresses of servers and proxies."""
    new = set(environ.items()) - _looked_at  # asked for every line of a log
    _looked_at.update(new)
    for name, value in sorted(new):  # the same words for a value that stands under two names
        if _worth_hiding(name, value):
            learn(value, name)
        elif "@" in value and "://" in value:
            for password in _userinfo(value):
                learn(password, name)
        elif name.upper() == "ANTHROPIC_CUSTOM_HEADERS":
            for header, _, secret in (line.partition(":") for line in value.split("\n")):
                if names_secret(header):
                    learn(secret.strip(), name)


def typed_secrets(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and values of the secrets that stand on a command line, `+model.headers={api-key: …}` included.

    What is found is remembered, so that no message repeats it.
    """
    for word in words:
        for found in _NAMED.finditer(word):
            name, value = found["name"].rpartition(".")[2], found["value"].strip("'\" ")
            whose = word.lstrip("+~").partition(".")[0]
            if value not in ("", "null", "None") and whose not in _PEOPLES_OWN and names_secret(name):
                learn(value)
                yield found["name"].lstrip("+~"), value
        for found in _LIKE_A_KEY.finditer(word):
            learn(found[0])
            yield word.partition("=")[0].lstrip("+~") if "=" in word else "the command line", found[0]


def redacted(text: str) -> str:
    """`text` without known secrets and without anything that looks like a key."""
    text = without_known(text)
    return _LIKE_A_KEY.sub("<secret>", text) if any(mark in text for mark in _MARKS) else text


def redacted_json(value: Any) -> Any:
    """The same JSON with every known secret in its strings and names replaced; the very same object if there is none.

    Only known values: what merely looks like a key may be a model's own words, and a record keeps those.
    """
    if isinstance(value, str):
        return without_known(value)
    if isinstance(value, Mapping):
        items = {redacted_json(key): redacted_json(item) for key, item in value.items()}
        same = all(key in items and items[key] is item for key, item in value.items())
        return value if same and len(items) == len(value) else items
    if isinstance(value, list | tuple):
        parts = [redacted_json(item) for item in value]
        return value if all(new is old for new, old in zip(parts, value, strict=True)) else type(value)(parts)
    return value


@contextmanager
def printed_safely() -> Iterator[None]:
    """What others print inside (Hydra's `--cfg`, warnings of libraries) shows no known secret."""
    with redirect_stdout(cast(TextIO, _Safe(sys.stdout))), redirect_stderr(cast(TextIO, _Safe(sys.stderr))):
        yield


class _Safe:
    """A text stream that redacts what is written to it, and is the stream beneath in everything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(without_known(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For `sys.excepthook`: a traceback without secrets."""
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))


def holds_secret(text: str) -> bool:
    """Whether there is a known secret or what looks like a key in it."""
    return redacted(text) != text


def without_known(text: str) -> str:
    """`text` without known secrets. JSON stays JSON: no secret is a number, and each is known as JSON writes it."""
    if not any(form in text for form in _known):
        return text
    return _matcher().sub(lambda found: _known[found[0]], text)


@cache
def _matcher() -> re.Pattern[str]:
    longest_first = sorted(_known, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)))


def _worth_hiding(name: str, value: str) -> bool:
    """Not a path, and no plain word or number, which would vanish from every text: PASSWORD=postgres hides nothing."""
    if name in _OF_THE_SDK:
        return True
    mixed = not value.isalpha() and not value.isdigit()
    if value.startswith(("/", "~", "./", "file:")):
        return False
    if names_secret(name):
        return mixed or len(value) >= 16
    return name.upper().endswith(("_TOKEN", "_KEY", "_PAT")) and mixed and len(value) >= 16


def _userinfo(url: str) -> Iterator[str]:
    """The password of an address, and `user:password` as HTTP sends it."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    yield from (word for word in (password, parts.password or "", "" if password else user) if word)
    yield base64.b64encode(f"{user}:{password}".encode()).decode()


learn_from(os.environ)
