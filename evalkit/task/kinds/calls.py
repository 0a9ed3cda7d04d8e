"""Calls of submitted functions in a sandbox: the child has the arguments and nothing of what is expected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.sandbox.protocol import Sandbox
from evalkit.task.grade import Fault
from evalkit.util.bounded_json import loads

MOST_BYTES = 8_000_000
"""Of all that a function returns."""
_INSIDE = Path(__file__).with_name("called_inside.py").read_text(encoding="utf-8")
_LONG_S = 0.2
"""Of one call with arguments that nobody checked."""


@dataclass(frozen=True)
class Called:
    """A function and how it is called."""

    name: str
    time_limit_s: float
    """Of all calls together."""
    preload: tuple[str, ...] = ()


async def replies(
    source: str, called: Called, calls: Sequence[Any], sandbox: Sandbox, *, unchecked: bool = False
) -> list[Mapping[str, Any]] | Fault:
    """What every call gave: `{"value": …}` or `{"error": …}`. `unchecked`: a call that hangs counts as an error."""
    limit = _LONG_S if unchecked else 0.0
    program = f"{_INSIDE}\nmain({called.name!r}, {list(called.preload)!r}, {limit!r})"
    files = {"answer.py": source.encode("utf-8", "replace"), "calls.json": json.dumps(list(calls)).encode()}
    async with sandbox.session(files=files) as session:
        output = await session.run(program, timeout_s=called.time_limit_s)
        if output.kind == "timeout":
            return Fault("timeout", f"It took more than {called.time_limit_s:g} s for the hidden cases")
        if output.kind != "ok":
            lines = (output.error or "").strip().splitlines()
            return Fault("runtime_error", (lines or ["It ended the interpreter"])[-1][:300])
        try:
            found = loads(await session.read_file("replies.json", max_bytes=MOST_BYTES))
        except (FileNotFoundError, ValueError, RecursionError) as error:
            return Fault("runtime_error", f"What it returned cannot be read: {str(error)[:200]}")
    fine = isinstance(found, list) and len(found) == len(calls) and all(isinstance(one, dict) for one in found)
    return found if fine else Fault("runtime_error", "It changed what its calls returned")
