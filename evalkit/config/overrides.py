"""Values of Hydra overrides: how they are written after `=` and split from the key. Imports nothing heavy."""

from __future__ import annotations

import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_/][\w/.:@+-]*", re.ASCII)
_RESERVED = re.compile(r"(null|true|false|nan|inf|[+-]?[\d.][\w.+-]*)$", re.IGNORECASE)


def written(value: Any) -> str:
    """A config value in Hydra's notation; interpolations in text stay interpolations."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{written(item)}" for key, item in value.items()) + "}"
    text = str(value)
    return text if _PLAIN.fullmatch(text) and not _RESERVED.match(text) else quoted(text)


def quoted(text: str) -> str:
    """Text in quotes: backslashes count only before a quote, and are doubled there."""
    inside = re.sub(r'(\\*)"', lambda found: found[1] * 2 + '\\"', text)
    tail = len(inside) - len(inside.rstrip("\\"))
    return f'"{inside}{tail * chr(92)}"'


def literal(text: str) -> str:
    """Text that names nothing although `${` may be in it: a path, or what somebody typed for a name."""
    return quoted(escaped(text))


def escaped(text: str) -> str:
    """Text that OmegaConf resolves to `text`."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def knob(override: str) -> str:
    """The name in front of the `=`, without the sign that adds or deletes it."""
    return override.partition("=")[0].lstrip("+~")
