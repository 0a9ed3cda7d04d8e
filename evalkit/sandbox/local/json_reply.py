"""JSON reply of a submitted function, read from what its process sent: every part of it may be forged."""

from __future__ import annotations

import json
from typing import Any

from evalkit.sandbox.local.child import Answer
from evalkit.sandbox.local.inside.values import MAX_BYTES, MAX_DEPTH
from evalkit.sandbox.protocol import FunctionReply


def read(answer: Answer) -> FunctionReply:
    """What an answer says. Raises `ValueError` where it has another form."""
    about: dict[str, Any] = {"seconds": answer.seconds, "printed": answer.printed}
    if answer.kind != "ok":
        if answer.kind == "raised":
            about["exception"] = word(answer.header.get("exception"))
            if word(answer.header.get("forbidden")):
                return FunctionReply("forbidden", error=answer.error, **about)
        return FunctionReply("bad_reply" if answer.kind == "forged" else answer.kind, error=answer.error, **about)
    if len(answer.payload) > MAX_BYTES:  # a forged one; small lists would fill the memory
        raise ValueError(f"more than {MAX_BYTES >> 20} MiB")
    try:
        parts = json.loads(answer.payload)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__} in its payload") from None
    if type(parts) is not list or len(parts) != 2 or type(parts[1]) is not list:
        raise ValueError("a payload of another form")
    if _too_deep(parts):
        raise ValueError(f"a value nested more than {MAX_DEPTH} levels deep")
    return FunctionReply("ok", parts[0], tuple(parts[1]), **about)


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 3):  # a list of two holds the value, and one list the arguments
        level = [
            item
            for one in level
            for item in (one if type(one) is list else one.values() if type(one) is dict else ())
            if type(item) in (list, dict)
        ]
        if not level:
            return False
    return True


def word(value: Any) -> str:
    """A short text on one line that can be stored; empty where it is anything else."""
    return " ".join(value.split())[:100].encode("utf-8", "replace").decode() if type(value) is str else ""
