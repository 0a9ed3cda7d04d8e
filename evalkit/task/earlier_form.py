"""Adapter for task classes of the earlier form: `judge`, `judged_by`, `spec(seed)`, `measure(answer, spec, sandbox)`.

A class is adapted as a whole where it is loaded. Only this module knows that there was another form.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Sequence
from typing import Any

from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.checks import takes
from evalkit.task.problem import Problem
from evalkit.util.errors import UserError
from evalkit.util.source_quotes import quote

_METHODS = {
    "spec": "def spec(self, seed)",
    "measure": "async def measure(self, answer, spec, sandbox)",
    "judge": "def judge(self, measurement)",
}
_RENAMED = {"judge": "grade", "judged_by": "graded_by"}
_PRESENT = {"spec": ("problem", "spec(self, problem)"), "measure": ("attempt", "measure(self, attempt, spec, context)")}
"""Method → its first parameter in the present form, and the form."""
_EARLIER = {"spec": "seed", "measure": "answer"}
"""Method → its first parameter in the earlier form."""


def solution_folders(kind: str) -> tuple[str, ...]:
    """Names of the folder in `solutions/` that holds a kind: the present one, then the earlier one."""
    return (kind, "cheats") if kind == "exploits" else (kind,)


def present_form(plugin: type) -> type[Any]:
    """The class itself, or a subclass of one of the earlier form that fits `evalkit.task.protocol.Task`.

    A class with `judge` is of the earlier form. Raises `UserError` for a mixture of both forms, and for a method of the
    earlier form that takes other arguments.
    """
    earlier = hasattr(plugin, "judge")
    for before, now in _RENAMED.items():
        if hasattr(plugin, before) and hasattr(plugin, now):
            raise UserError(f"{quote(plugin, before)} is the earlier name of {quote(plugin, now)}: delete {before}")
    if not earlier:
        _refuse_earlier_parts(plugin)
        return plugin
    _check(plugin)
    parts: dict[str, Any] = {"__module__": plugin.__module__, "__qualname__": plugin.__qualname__}
    parts |= {now: getattr(plugin, before) for before, now in _RENAMED.items() if hasattr(plugin, before)}
    parts |= {name: adapt(getattr(plugin, name)) for name, adapt in (("spec", _spec), ("measure", _measure))}
    return type(plugin.__name__, (plugin,), parts)


def _refuse_earlier_parts(plugin: type) -> None:
    """Raise `UserError` where a class of the present form keeps a part of the earlier one."""
    if not hasattr(plugin, "grade"):
        return  # the check of the present form says what is missing
    if hasattr(plugin, "judged_by"):
        raise UserError(f"{quote(plugin, 'judged_by')} is the earlier name: rename it to graded_by")
    for name, parameter in _EARLIER.items():
        if _first_parameter(plugin, name) == parameter:
            raise UserError(
                f"{quote(plugin, name)} takes the arguments of the earlier form: write `{_PRESENT[name][1]}`"
            )


def _check(plugin: type) -> None:
    for name, (parameter, _) in _PRESENT.items():
        if _first_parameter(plugin, name) == parameter:
            raise UserError(
                f"{quote(plugin, 'judge')} is of the earlier form and {quote(plugin, name)} is not: "
                "rename judge to grade, and judged_by to graded_by"
            )
    for name, signature in _METHODS.items():
        method = getattr(plugin, name, None)
        if not inspect.isfunction(method):
            said = f"{quote(plugin)} lacks {name}" if method is None else f"{quote(plugin, name)} is no function"
            raise UserError(f"{said}: beside judge, it must be `{signature}`")
        if not takes(method, signature.count(",") + 1):
            raise UserError(f"{quote(plugin, name)} takes other arguments: beside judge, it must be `{signature}`")
        if inspect.iscoroutinefunction(method) != (name == "measure"):
            kind = "asynchronous (async def)" if name == "measure" else "an ordinary function, without async"
            raise UserError(f"{quote(plugin, name)} must be {kind}: `{signature}`")
    knobs = getattr(plugin, "judged_by", ())
    if not isinstance(knobs, Sequence) or isinstance(knobs, str):
        raise UserError(f"{quote(plugin, 'judged_by')} is {type(knobs).__name__}: it must be a sequence of knob names")
    config: Any = getattr(plugin, "Config", None)
    if inspect.isclass(config) and dataclasses.is_dataclass(config):  # the check of the present form says if it is none
        known = [field.name for field in dataclasses.fields(config)]
        for knob in knobs:
            if knob not in known:
                raise UserError(f"{quote(plugin, 'judged_by')} names {knob!r}, which {quote(config)} does not have")


def _first_parameter(plugin: type, name: str) -> str:
    """The name of a method's first parameter after `self`; empty where there is none."""
    method = getattr(plugin, name, None)
    names = list(inspect.signature(method).parameters) if inspect.isfunction(method) else []
    return names[1] if len(names) > 1 else ""


def _spec(method: Any) -> Any:
    @functools.wraps(method)
    def spec(self: Any, problem: Any) -> Any:
        return method(self, problem.seed if isinstance(problem, Problem) else problem)  # a task may call its own spec

    return spec


def _measure(method: Any) -> Any:
    @functools.wraps(method)
    async def measure(self: Any, attempt: Any, spec: Any, context: Any) -> Any:
        if isinstance(attempt, Attempt) and isinstance(context, GradingContext):
            return await method(self, attempt.answer, spec, context.sandbox)
        return await method(self, attempt, spec, context)  # measure_many of a task may call its own measure

    return measure
