"""Checks of what `measure`, `grade` and the tools of a task return, converted to plain JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, get_args

from evalkit.rollout.record import Submission
from evalkit.task.grade import Check, Direction, Fault, Grade, Measurement, preview
from evalkit.task.tools import ToolResult
from evalkit.util.bounded_json import DIGITS, SIZE
from evalkit.util.errors import TaskError
from evalkit.util.suggestions import suggestion
from evalkit.util.text import counted

T = TypeVar("T")

CONTENT_LIMIT = 1_000_000
"""Characters of a tool's result that the model gets."""

DEPTH = 200
"""Levels of nesting of a measurement: twice those of what a model can write."""
MESSAGE_LIMIT = 20_000
"""Characters of a message that are kept: graders quote what models wrote."""


def measured(given: Any, what: str = "the task's measure") -> Measurement:
    """A measurement that JSON can hold. Raises `TaskError`, which says where it cannot."""
    found = _as(Measurement, given, what, "returned")
    if found.fault is not None:
        _as(Fault, found.fault, what, "gave fault as")
        _as(str, found.fault.category, what, "gave the fault's category as")
        _as(str, found.fault.message, what, "gave the fault's message as")
        found = replace(found, fault=replace(found.fault, message=_short(found.fault.message)))
    if not isinstance(found.values, Mapping):
        raise TaskError(f"{what} gave values as {_kind(found.values)}: use a dict")
    values = _plain(found.values, "values", what, DEPTH)
    size = len(json.dumps(values))
    if size > SIZE:
        raise TaskError(f"{what} gave values of {size:,} characters of JSON: keep {SIZE:,} at most")
    return replace(found, values=values)


def _plain(value: Any, place: str, what: str, depth: int) -> Any:
    """The same with dict, list, str, int, float, bool and None alone."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int(value)
        return number if number.bit_length() <= 3 * DIGITS else f"{number:#x}"
    if isinstance(value, float):
        if not math.isfinite(value):
            fix = "say that by a Fault, or leave it out"
            raise TaskError(f"{what} gave {place} as {float(value)}, which JSON cannot hold: {fix}")
        return float(value)
    if not depth:
        raise TaskError(f"{what} gave values that nest deeper than {DEPTH} levels: keep less of them")
    if isinstance(value, Mapping):
        return {
            _key(key, place, what): _plain(item, f"{place}[{key!r}]", what, depth - 1) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{n}]", what, depth - 1) for n, item in enumerate(value)]
    raise TaskError(f"{what} gave {place} as {_kind(value)}, which JSON cannot hold: {_fix(value)}")


def _key(key: Any, place: str, what: str) -> str:
    if not isinstance(key, str):
        shown = preview(key)
        raise TaskError(f"{what} gave {place} with the key {shown}, and keys of JSON are text: use str({shown})")
    return str.__str__(key)


def _kind(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _fix(value: Any) -> str:
    if hasattr(value, "tolist"):
        return "use .tolist()"
    return "use dict, list, str, int, float, bool and None"


def told(given: Any, what: str) -> ToolResult:
    """A tool's result, of which text alone is the short form. Raises `TaskError`."""
    result = _as(ToolResult, ToolResult(given) if isinstance(given, str) else given, what, "returned")
    content = str.__str__(_as(str, result.content, what, "gave content as"))
    _as(bool, result.is_error, what, "gave is_error as")
    if result.submission is not None:
        answer = _as(Submission, result.submission, what, "gave submission as").answer
        result = replace(result, submission=Submission(_plain(answer, "the answer", what, DEPTH)))
    if len(content) > CONTENT_LIMIT:
        cut = counted(len(content) - CONTENT_LIMIT, "character")
        content = f"{content[:CONTENT_LIMIT]}… ({cut} left out)"
    return replace(result, content=content)


def checked_grade(given: Any, categories: Mapping[str, str] | None, what: str = "the task's grade") -> Grade:
    """A grade that is whole. Raises `TaskError`. `categories`: those that it may have; None: any."""
    grade = _as(Grade, given, what, "returned")
    _as(bool, grade.passed, what, "gave passed as")
    _as(str, grade.message, what, "gave message as")
    if grade.category is not None:
        _as(str, grade.category, what, "gave category as")
    if grade.passed == (grade.category is not None):
        raise TaskError(f"{what} gave {'a pass with a' if grade.passed else 'a failure without a'} category")
    if categories is not None and grade.category is not None and grade.category not in categories:
        hint = suggestion(grade.category, categories)
        raise TaskError(f"{what} gave the category {preview(grade.category)}, which `categories` does not list{hint}")
    score = 0.0 if grade.score is None else grade.score
    if not _number(score) or not 0 <= score <= 1:
        raise TaskError(f"{what} gave the score {preview(grade.score)}: use a number from 0 to 1")
    if isinstance(grade.checks, str) or not isinstance(grade.checks, Sequence):
        raise TaskError(f"{what} gave checks as {_kind(grade.checks)}: use a tuple of Check")
    checks = tuple(_checked(check, what) for check in grade.checks)
    return replace(grade, message=_short(grade.message), score=float(score), checks=checks)


def _checked(given: Any, what: str) -> Check:
    check = _as(Check, given, what, "gave a check as")
    _as(str, check.name, what, "gave a check whose name is")
    for part in ("passed", "required"):
        _as(bool, getattr(check, part), what, f"gave the check {preview(check.name)} with {part} as")
    for part in ("value", "bound"):
        value = getattr(check, part)
        if value is not None and not _number(value):
            fix = "use float(…), or None"
            raise TaskError(f"{what} gave the check {preview(check.name)} with {part} as {_kind(value)}: {fix}")
    for part in ("knob", "direction", "category", "message"):
        if getattr(check, part) is not None:
            _as(str, getattr(check, part), what, f"gave the check {preview(check.name)} with {part} as")
    if check.direction not in (None, *get_args(Direction)):
        said = f"direction as {preview(check.direction)}: use {' or '.join(get_args(Direction))}"
        raise TaskError(f"{what} gave the check {preview(check.name)} with {said}")
    value, bound = (None if part is None else float(part) for part in (check.value, check.bound))
    return replace(check, value=value, bound=bound)


def _number(value: Any) -> bool:
    """Whether a float can hold it."""
    return isinstance(value, float) or (
        isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 1023
    )


def _short(message: str) -> str:
    if len(message) <= MESSAGE_LIMIT:
        return message
    return f"{message[:MESSAGE_LIMIT]}… ({counted(len(message), 'character')})"


def _as(kind: type[T], value: Any, what: str, verb: str) -> T:
    if not isinstance(value, kind):
        fix = " (use bool(…))" if kind is bool and "bool" in type(value).__name__ else ""
        raise TaskError(f"{what} {verb} {_kind(value)} where {kind.__name__} is wanted{fix}")
    return value
