"""Mistakes that a type checker must find: without an error on its line, each `ignore` here is an error itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import evalkit
from evalkit import HasFiles, HasSystem, HasValues, Limits, Measurement, Tool, ToolContext, ToolResult
from evalkit import Tsak as Misspelt  # type: ignore[attr-defined]

print(Misspelt)
evalkit.laod("folder")  # type: ignore[attr-defined]
Limits(max_token=3)  # type: ignore[call-arg]
Measurement(values=3)  # type: ignore[arg-type]


class Bytes:
    name = "bytes"
    description = "Returns bytes."
    input_schema: Mapping[str, Any] = {"type": "object"}

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> bytes:
        return b""


class Nameless:
    description = "Has no name."
    input_schema: Mapping[str, Any] = {"type": "object"}

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        return ToolResult("")


wrong: Tool = Bytes()  # type: ignore[assignment]
other: Tool = Nameless()  # type: ignore[assignment]


class Odd:
    sistem = "Be brief."
    files = {"notes.txt": "text, not bytes"}

    def values(self, answer: Any, spec: Any) -> list[float]:
        return []


misspelt: HasSystem = Odd()  # type: ignore[assignment]
texts: HasFiles = Odd()  # type: ignore[assignment]
synchronous: HasValues = Odd()  # type: ignore[assignment]
