"""Plugins of the earlier form, with `judge`, `judged_by`, `spec(seed)` and `measure(answer, spec, sandbox)`.

They are made into the form of `evalkit.task.protocol` where they are loaded. Nothing else knows that there was another.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.problem import Problem
from evalkit.util.errors import UserError
from evalkit.util.source_quotes import quote

FOLDERS = {"exploits": "cheats"}
"""Folders of solutions/ → their earlier names."""


def present_form(plugin: type) -> type[Any]:
    """The class itself, or a subclass of one in the earlier form that fits the protocol.

    A class is in the earlier form as a whole if it has a method `judge`. Raises `UserError` if it has `grade` as well.
    """
    if not callable(getattr(plugin, "judge", None)):
        return plugin
    if hasattr(plugin, "grade"):
        raise UserError(
            f"{quote(plugin, 'judge')} and {quote(plugin, 'grade')} say the same thing: keep grade, and let spec take "
            "a problem and measure an attempt"
        )
    names: dict[str, Any] = {"__module__": plugin.__module__, "__qualname__": plugin.__qualname__}
    names["grade"] = plugin.judge  # type: ignore[attr-defined]
    if hasattr(plugin, "judged_by"):
        names["graded_by"] = plugin.judged_by
    for name, adapt in (("spec", _spec), ("measure", _measure)):
        method = getattr(plugin, name, None)
        if inspect.isfunction(method) and inspect.iscoroutinefunction(method) == (name == "measure"):
            names[name] = adapt(method)
    return type(plugin.__name__, (plugin,), names)


def _spec(method: Any) -> Any:
    @functools.wraps(method)
    def spec(self: Any, problem: Problem) -> Any:
        return method(self, problem.seed)

    return spec


def _measure(method: Any) -> Any:
    @functools.wraps(method)
    async def measure(self: Any, attempt: Attempt, spec: Any, context: GradingContext) -> Any:
        return await method(self, attempt.answer, spec, context.sandbox)

    return measure
