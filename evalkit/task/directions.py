"""Thresholds of a task as its config sets them: which way each loosens, and which values it may have."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any, get_args

from evalkit.task import comparisons
from evalkit.task.grade import Direction, preview
from evalkit.task.optional_parts import directions_of
from evalkit.task.protocol import Task
from evalkit.util.dotted import first, numbers
from evalkit.util.errors import UserError
from evalkit.util.source_quotes import quote
from evalkit.util.suggestions import suggestion

_INCLUSIVE = (comparisons.at_most, comparisons.at_least, comparisons.between, comparisons.close)


def check_thresholds(task: Task, node: Mapping[str, Any]) -> None:
    """Raise `UserError` for a direction that means nothing, and for a tolerance that fails every submission.

    0 and less fail everything that is compared by `within` or `<`. They are fine where `directions` names the knob, or
    where the task's modules import a comparison that holds at its bound.
    """
    declared = directions_of(task)
    if isinstance(declared, Mapping):  # else `check_specs` says so
        _check_directions(task, node, declared)
    inclusive = _compares_inclusively(type(task))
    for path, number in numbers(node.get("tolerances"), "tolerances"):
        signed = inclusive or path in declared
        if not math.isfinite(number) or (number <= 0 and not signed):
            want = "a finite number" if signed else "a number above 0 (at_most and at_least take 0 and less)"
            raise UserError(f"task.{path}={number} is out of range: use {want}")


def _check_directions(task: Task, node: Mapping[str, Any], declared: Mapping[Any, Any]) -> None:
    line = quote(type(task), "directions")
    graded = {path for knob in task.graded_by for path, _ in numbers(node.get(knob), knob)}
    for knob, direction in declared.items():
        if knob not in graded:
            what = "is no number of the config" if first(str(knob)) in task.graded_by else "`graded_by` does not list"
            hint = suggestion(str(knob), graded)
            raise UserError(f"{line} names {preview(knob)}, which {what}{hint}")
        if direction not in get_args(Direction):
            raise UserError(f"{line} says {preview(direction)} of {knob}: use {' or '.join(get_args(Direction))}")


def _compares_inclusively(plugin: type) -> bool:
    """Whether a module of the task has a comparison that holds at its bound."""
    home = plugin.__module__
    modules = [module for name, module in list(sys.modules.items()) if f"{name}.".startswith(f"{home}.")]
    return any(value is known for one in modules for value in vars(one).values() for known in _INCLUSIVE)
