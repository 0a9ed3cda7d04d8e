"""Tool of a function: a name, a description, a schema, and what is called with the input."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from evalkit.task.tools.protocol import Told, ToolContext
from evalkit.util.errors import UserError
from evalkit.util.source_quotes import quote_function

_PASSED = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
_WHOLE = ("input", "context")


@dataclass(frozen=True)
class FunctionTool:
    """What `tool` makes."""

    name: str
    description: str
    input_schema: Mapping[str, Any]
    function: Callable[..., Awaitable[Told] | Told]
    whole: bool
    """Called as `function(input, context)`; else with a keyword for each property, and `context` if it takes it."""

    def __call__(self, input: Mapping[str, Any], context: ToolContext) -> Awaitable[Told] | Told:
        """Call the function."""
        if self.whole:
            return self.function(input, context)
        more = {"context": context} if "context" in _parameters(self.function) else {}
        return self.function(**input, **more)


def tool(
    name: str, description: str, schema: Mapping[str, Any], function: Callable[..., Awaitable[Told] | Told]
) -> FunctionTool:
    """A tool of a function, `async` or not, which takes `(input, context)`, or the properties of `schema` by name.

    `schema`: the JSON Schema of the input, or its properties alone, which are then all required. A function that takes
    the properties by name may take `context` (a `ToolContext`) too. Raises `UserError` where the two do not fit.
    """
    if not isinstance(schema, Mapping):
        raise UserError(f"tool({name!r}, …) has a schema of {type(schema).__name__}: give a JSON Schema as a dict")
    if not callable(function) or inspect.isclass(function):
        given = function.__name__ if inspect.isclass(function) else type(function).__name__
        raise UserError(f"tool({name!r}, …) gets {given} as its function: give a function, (input, context)")
    whole = _whole_schema(schema)
    takes_whole = tuple(_parameters(function)) == _WHOLE
    if not takes_whole and (said := _misfit(function, whole)):
        fix = f"write def {_called(function)}({', '.join(_wanted(whole))}), or (input, context)"
        raise UserError(f"{quote_function(function)} cannot be the tool {name!r}: it {said}; {fix}")
    return FunctionTool(name, description, whole, function, takes_whole)


def _whole_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema; of properties alone, the object that has them all."""
    if "properties" in schema or isinstance(schema.get("type"), str):
        return schema
    return {
        "type": "object",
        "properties": dict(schema),
        "required": list(schema),
        "additionalProperties": False,
    }


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in: it has none
        return {name: inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in _WHOLE}


def _misfit(function: Callable[..., Any], schema: Mapping[str, Any]) -> str:
    """Why the properties of the input are not its arguments, as the end of a sentence; empty if they are."""
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        return ""  # refused as a schema when the task is loaded
    kinds = inspect.Parameter
    parameters = _parameters(function)
    rest = any(one.kind is kinds.VAR_KEYWORD for one in parameters.values())
    named = {name: one for name, one in parameters.items() if one.kind in (*_PASSED[1:], kinds.KEYWORD_ONLY)}
    if positional := [name for name, one in parameters.items() if one.kind is kinds.POSITIONAL_ONLY]:
        return f"takes {positional[0]} by position alone"
    if "context" in properties:
        return "has a property called context, which is what evalkit passes: rename it"
    if not rest and (unknown := [name for name in properties if name not in named]):
        return f"does not take {unknown[0]}, which is a property of the schema"
    required = set(schema.get("required", ()))
    for name, one in named.items():
        if name != "context" and name not in properties and one.default is one.empty:
            return f"takes {name}, which is no property of the schema"
        if name in properties and name not in required and one.default is one.empty:
            return f"needs {name}, which the schema does not require: give it a default, or add it to required"
    return ""


def _wanted(schema: Mapping[str, Any]) -> list[str]:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return [*(name if name in required else f"{name}=None" for name in properties), "context"]


def _called(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() else "function"
