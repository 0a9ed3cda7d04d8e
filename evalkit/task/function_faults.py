"""Faults of a submitted function: what became of a call, as a category of the task."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.sandbox.protocol import FunctionReply
from evalkit.task.grade import Fault


def fault_of(
    reply: FunctionReply,
    *,
    raised: str | Mapping[str, str] = "runtime_error",
    timeout: str = "timeout",
    forbidden: str = "forbidden",
    other: str = "bad_reply",
) -> Fault | None:
    """The fault of a reply, by the categories that the task names; None for a call that returned a JSON value.

    `raised`: one category, or exception type → category with `""` for all others. `other`: the process ended, or the
    function returned what JSON cannot hold. Raises `KeyError` for an exception that `raised` has no category for.
    """
    if reply.kind == "ok":
        return None
    if reply.kind == "raised":
        named = raised if isinstance(raised, str) else raised.get(reply.exception) or raised[""]
        return Fault(named, reply.error or "")
    categories = {"timeout": timeout, "forbidden": forbidden}
    return Fault(categories.get(reply.kind, other), reply.error or "")
