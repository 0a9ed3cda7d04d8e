"""Functions on JSON: a submitted function, called in a sandbox with JSON values."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from evalkit.sandbox.protocol import Builtins, FunctionReply, Sandbox, Session

_NAMES = """
    ArithmeticError AssertionError AttributeError BaseException Exception False IndexError KeyError
    LookupError None NotImplemented NotImplementedError OverflowError RecursionError RuntimeError
    StopIteration True TypeError ValueError ZeroDivisionError abs all any bin bool bytearray bytes callable
    chr classmethod complex dict divmod enumerate filter float format frozenset getattr hasattr hash hex int
    isinstance issubclass iter len list map max min next object oct ord pow print property range repr reversed
    round set setattr slice sorted staticmethod str sum super tuple type zip
"""
_MODULES = """
    bisect collections copy dataclasses datetime decimal enum fractions functools heapq itertools math
    operator random re statistics string typing
"""
PURE = Builtins(tuple(_NAMES.split()), tuple(_MODULES.split()))
"""Builtins without files, `exec` and `eval`, and the modules that only compute."""


@dataclass
class Function:
    """A function that was defined in a session. Call it with JSON values; calls come one after the other."""

    _session: Session
    _source: str
    _name: str
    _builtins: Builtins | None
    _preload: Sequence[str]
    timeout_s: float
    """Seconds that a call may take."""
    _undefined: FunctionReply | None = None
    """Why it cannot be called."""
    _defined: bool = False

    async def __call__(self, *arguments: Any) -> FunctionReply:
        """Call it. Never raises for what the submitted code does; `TypeError` for arguments that are not JSON.

        After a call that ended its process the next one finds the function defined afresh: what it kept in variables of
        its module is gone, its files are there.
        """
        payload = _json(arguments)
        if self._undefined or (not self._defined and not await self._define()):
            return replace(self._undefined or FunctionReply("died"))
        reply = await self._session.call_json(payload, timeout_s=self.timeout_s)
        self._defined = reply.defined
        return reply

    async def _define(self) -> bool:
        output = await self._session.define(
            self._source, self._name, timeout_s=self.timeout_s, preload=self._preload, builtins=self._builtins
        )
        self._defined = output.kind == "ok"
        if not self._defined:
            kind = "forbidden" if output.forbidden else output.kind
            self._undefined = FunctionReply(kind, error=output.error, exception=output.exception)
        return self._defined


def _json(arguments: Sequence[Any]) -> bytes:
    """The arguments as JSON. Raises `TypeError` for what is not, and for keys that JSON would turn into texts."""
    payload = json.dumps(arguments).encode()  # first, for it notices what holds itself
    level: list[Any] = list(arguments)
    while level:
        dicts = [one for one in level if isinstance(one, dict)]
        if any(type(key) is not str for one in dicts for key in one):
            raise TypeError("an argument is a dict whose keys are not texts: it is not JSON serializable")
        inner = [one.values() for one in dicts] + [one for one in level if isinstance(one, list | tuple)]
        level = [item for part in inner for item in part]
    return payload


@asynccontextmanager
async def function(
    sandbox: Sandbox,
    source: str,
    name: str,
    *,
    builtins: Builtins | None = None,
    preload: Sequence[str] = (),
    timeout_s: float = 10.0,
    seed: int = 0,
    files: Mapping[str, bytes] | None = None,
) -> AsyncIterator[Function]:
    """See `evalkit.sandbox.protocol.GradingSandbox`."""
    async with sandbox.session(seed=seed, files=files) as session:
        found = Function(session, source, name, builtins, preload, timeout_s)
        await found._define()
        yield found
