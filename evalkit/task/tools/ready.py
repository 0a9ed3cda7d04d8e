"""Tools that every task can use: `python_expression`, which runs a program, and `submit_answer`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.rollout.record import Submission
from evalkit.sandbox.local.inside.program import SHORT_NAMES
from evalkit.task.tools.protocol import ToolContext, ToolResult


@dataclass(frozen=True)
class PythonExpression:
    """Runs a Python program in the rollout's sandbox and gives back what it printed."""

    persistent: bool = False
    """Names survive to the next call; else every call has a fresh namespace."""
    preload: Sequence[str] = ()
    """Modules that are there without an import, such as `numpy` (as np), `pandas` (as pd), `torch`, `scipy.stats`."""
    note: str = ""
    """A sentence that is appended to the description."""
    name: str = "python_expression"

    @property
    def description(self) -> str:
        """What the model reads; says exactly how this instance is set up."""
        state = "Names persist between calls" if self.persistent else "Every call starts with a fresh namespace"
        loaded = [f"`{SHORT_NAMES[name]}` ({name})" if name in SHORT_NAMES else f"`{name}`" for name in self.preload]
        there = " and ".join(filter(None, [", ".join(loaded[:-1]), *loaded[-1:]]))
        parts = [
            "Run a Python program and get back what it prints; use print() for everything you want to see.",
            f"{state}{f', in which {there} can be used without an import' if there else ''}.",
            self.note,
        ]
        return " ".join(part for part in parts if part)

    input_schema: Mapping[str, Any] = field(
        default_factory=lambda: {
            "type": "object",
            "properties": {"expression": {"type": "string", "description": "The Python program to run."}},
            "required": ["expression"],
            "additionalProperties": False,
        }
    )

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Run it; a program that fails is answered with what it printed before and the error."""
        output = await context.session.run(
            input["expression"], timeout_s=context.timeout_s, persistent=self.persistent, preload=self.preload
        )
        if output.error is None:
            return ToolResult(json.dumps({"result": output.stdout, "error": None}, ensure_ascii=False))
        content = {"result": output.stdout or None, "error": output.error}
        return ToolResult(json.dumps(content, ensure_ascii=False), is_error=True)


@dataclass(frozen=True)
class SubmitAnswer:
    """Takes the answer as it is and ends the rollout; the task's schema for it is shown to the model."""

    answer_schema: Mapping[str, Any]
    description: str = "Submit your final answer. This ends the task; it can be called once."
    name: str = "submit_answer"

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """An object whose only key is `answer`, which may be anything."""
        return self._schema({})

    @property
    def shown_schema(self) -> Mapping[str, Any]:
        """The same with the task's own schema for `answer`."""
        return self._schema(self.answer_schema)

    def _schema(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"answer": dict(answer)},
            "required": ["answer"],
            "additionalProperties": False,
        }

    async def __call__(self, input: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Accept the answer."""
        content = json.dumps({"answer": input["answer"], "submitted": True}, ensure_ascii=False)
        return ToolResult(content, submission=Submission(input["answer"]))
