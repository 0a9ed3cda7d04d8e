"""Checks of model settings: no secrets, nothing that evalkit sets itself, only values that a request can carry."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from evalkit.config.schema import ModelConfig
from evalkit.util import addresses
from evalkit.util.dotted import leaves
from evalkit.util.errors import UserError
from evalkit.util.redaction import holds_secret, learn, names_secret

_OURS = {"max_tokens", "messages", "model", "stream", "system", "tools"}
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def floor_of(params: Mapping[str, Any]) -> int:
    """The least `max_tokens` that a request with these parameters can have: a fixed thinking budget must fit below."""
    thinking = params.get("thinking") or {}
    return int(thinking.get("budget_tokens") or 0) + 1


def check_settings(config: ModelConfig) -> None:
    """Raise `UserError` for a secret, for what evalkit decides itself, and for what no request can carry."""
    for name, value in config.headers.items():
        if names_secret(name):
            raise _secret(f"model.headers.{name}", value)
        if not _HEADER.fullmatch(name) or not _is_header(value):
            raise UserError(
                f"model.headers.{name} cannot be sent: write names and values of HTTP headers as one line of ASCII"
            )
    for name in config.params:
        if name in _OURS:
            raise UserError(f"model.params.{name} is set by evalkit: remove it and use limits.* or model.* instead")
    for path, value in leaves(config.params, "model.params", items=True):
        if any(names_secret(part) for part in path.split(".")[2:]):
            raise _secret(path, value)
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{path}={value} cannot be sent: write a finite number")
    if config.base_url is not None:
        addresses.parse(config.base_url)
    if config.api_version is not None and not _VERSION.fullmatch(config.api_version):
        raise UserError(f"model.api_version={config.api_version} is not a date: write it as 2023-06-01, or null")
    for path, value in leaves(vars(config), "model", items=True):
        if isinstance(value, str) and holds_secret(value):
            raise _secret(path, value)


def _secret(path: str, value: Any) -> UserError:
    learn(str(value))
    return UserError(
        f"{path} would write a secret to disk: set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN; other headers in "
        "ANTHROPIC_CUSTOM_HEADERS) in the environment instead"
    )


def _is_header(value: str) -> bool:
    return value.isascii() and value.isprintable() and value == value.strip()
