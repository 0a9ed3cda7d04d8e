"""Templates of a task in YAML: Jinja over the row of a problem and the task's own values, in a sandbox of Jinja's.

A template that is a single `{{ expression }}` gives the value itself, a number say, and every other one gives text.
"""

from __future__ import annotations

import random
import re
import traceback
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from evalkit.task.kinds.form import Checker, dotted
from evalkit.task.kinds.places import Path_
from evalkit.task.problem import NoRow, Problem
from evalkit.util.errors import UserError
from evalkit.util.source_quotes import first_line
from evalkit.util.suggestions import nearest, suggestion

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

_ONE = re.compile(r"\s*\{\{(?P<inside>(?:(?!\}\}|\{\{).)*)\}\}\s*", re.DOTALL)
_UNDEFINED = re.compile(r"'(\w+)' is undefined")


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """Where all templates are rendered: nothing can be reached from there, and an unknown name is an error."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["calculate"] = _calculate
    return made


def _calculate(text: Any) -> Any:
    """What an arithmetic expression comes to, such as `(2**10 + 3) / 7`."""
    return environment().compile_expression(str(text), undefined_to_none=False)()


def is_template(value: Any) -> bool:
    """Whether a value of the YAML is filled in."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value)


def check_templates(value: Any, checker: Checker, path: Path_) -> None:
    """Raise `UserError` for a template below `path` that is not Jinja."""
    from jinja2 import TemplateSyntaxError

    if isinstance(value, Mapping):
        for key, item in value.items():
            check_templates(item, checker, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            check_templates(item, checker, (*path, place))
    elif is_template(value):
        try:
            environment().from_string(value)
        except TemplateSyntaxError as error:
            raise checker.slip(path, f"{dotted(path)} is not a template: {error.message}", line=error.lineno) from error


class Facts:
    """What templates of one problem are filled with."""

    def __init__(self, problem: Problem, values: Mapping[str, Any], checker: Checker) -> None:
        """`values`: the task's own, which may be templates over the row and over those before them."""
        self.row, self.checker = problem.row, checker
        self._random = random.Random(problem.seed)
        self.values: dict[str, Any] = {}
        for name, value in values.items():
            self.values[name] = self.fill(value, ("values", name), random=self._random)

    def fill(self, value: Any, path: Path_, **more: Any) -> Any:
        """The value with every template in it filled in. Raises `UserError` with the line for what cannot be."""
        if isinstance(value, Mapping):
            return {key: self.fill(item, (*path, key), **more) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, (*path, place), **more) for place, item in enumerate(value)]
        if not is_template(value):
            return value
        try:
            return self._fill(value, more)
        except UserError as error:
            raise self.checker.slip(path, f"{dotted(path)}: {error}") from error
        except Exception as error:
            raise self._slip(error, path, value) from error

    def text(self, value: str, path: Path_) -> str:
        """The same as text, without line ends around it."""
        return str(self.fill(value, path)).strip("\n")

    def column(self, name: str, path: Path_) -> Any:
        """A column of the row, or one of the values. Raises `UserError` with the line of `path`."""
        if name in self.values:
            return self.values[name]
        try:
            return self.row[name]
        except UserError as error:
            raise self.checker.slip(path, str(error)) from error

    def names(self) -> dict[str, str]:
        """Everything by name, as text."""
        return {name: str(value) for name, value in {**self.row, **self.values}.items()}

    def _fill(self, text: str, more: Mapping[str, Any]) -> Any:
        from jinja2 import Undefined, meta

        known = {**self.values, **more}
        for name in meta.find_undeclared_variables(environment().parse(text)):
            if name not in known and name in self.row:
                known[name] = self.row[name]  # the row notes that this column is read
        known.setdefault("row", self.row)
        if single := _ONE.fullmatch(text):
            found = environment().compile_expression(single["inside"], undefined_to_none=False)(known)
            return str(found) if isinstance(found, Undefined) else found  # which raises
        return environment().from_string(text).render(known)

    def _slip(self, error: Exception, path: Path_, text: str) -> UserError:
        lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if "<template>" in str(frame)]
        line = lines[-1] if lines and not _ONE.fullmatch(text) else 0
        said = first_line(error)
        if unknown := _UNDEFINED.fullmatch(said):
            said = self._unknown(unknown[1])
        elif "is undefined" in said or "has no attribute" in said:
            pass
        else:
            said = f"{type(error).__name__}: {said}"
        return self.checker.slip(path, f"{dotted(path)} cannot be filled in: {said}", line=line)

    def _unknown(self, name: str) -> str:
        hint = suggestion(name, [*self.values, *self.row])
        own = " nor one of `values`" if self.values else ""
        if not isinstance(self.row, NoRow):
            place = getattr(self.row, "place", "the row")
            return f"{name} is {'neither' if own else 'not'} a column of {place}{own}{hint}"
        near = f" (did you mean {meant}?)" if (meant := nearest(name, self.values)) else ""
        return f"{name} is unknown{near}: add it to `values`, or set problems.file=<file> for a file with that column"
