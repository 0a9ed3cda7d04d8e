"""Policy of builtins for submitted functions: a rule that honest code keeps, not a wall. The wall is the sandbox."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any


class Forbidden(ImportError):
    """A module that the policy does not name was imported."""


def restricted(names: Sequence[str], modules: Sequence[str]) -> dict[str, Any]:
    """The `__builtins__` of a namespace in which only these builtins and modules are there."""
    known = vars(builtins)
    allowed = {name: known[name] for name in names if name in known}

    def importing(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] not in modules:
            raise Forbidden(f"import of {name} is forbidden here", name=name)
        return known["__import__"](name, *rest, **more)

    return {**allowed, "__import__": importing, "__build_class__": known["__build_class__"], "__name__": "__main__"}


def violated(error: BaseException, policy: dict[str, Any] | None) -> str:
    """What an exception says of the policy: the name that it forbids; empty if the error is another."""
    if policy is None:
        return ""
    if isinstance(error, Forbidden):
        return f"import {error.name}"
    name = getattr(error, "name", None)
    if isinstance(error, NameError) and type(name) is str and name not in policy and hasattr(builtins, name):
        return name
    return ""
