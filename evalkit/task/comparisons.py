"""Comparisons for `grade`: each gives a check that says which knob is its bound and which way that knob loosens.

    Grade.of([at_most(error, self.config.tolerances.error, knob="tolerances.error", category="inaccurate")])

NaN passes nothing. A `value` that is no number fails, because it may be what a model wrote. A bound that is none is the
author's mistake: `TypeError`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Any

from evalkit.task.grade import Check, Direction, preview


def at_most(
    value: Any,
    bound: float,
    *,
    name: str | None = None,
    knob: str | None = None,
    category: str | None = None,
    message: str | None = None,
    required: bool = True,
) -> Check:
    """Whether `value` ≤ `bound`, which may be 0 or negative. `within` is the one with <.

    `knob`: that the bound comes from, `tolerances.answer`; `name` is its last part unless given. `category` and
    `message`: of a grade that fails for it; else the name, and a sentence with both numbers.
    """
    return _Terms("at_most", name, knob, category, message, required).bounded("at_most", value, bound)


def at_least(
    value: Any,
    bound: float,
    *,
    name: str | None = None,
    knob: str | None = None,
    category: str | None = None,
    message: str | None = None,
    required: bool = True,
) -> Check:
    """Whether `value` ≥ `bound`: a larger bound is stricter. Parameters as those of `at_most`."""
    return _Terms("at_least", name, knob, category, message, required).bounded("at_least", value, bound)


def between(
    value: Any,
    low: float,
    high: float,
    *,
    name: str | None = None,
    knobs: tuple[str | None, str | None] = (None, None),
    category: str | None = None,
    message: str | None = None,
    required: bool = True,
) -> tuple[Check, Check]:
    """Whether `low` ≤ `value` ≤ `high`: two checks, `<name>_low` and `<name>_high`, because each end has its own knob.

    `knobs`: those that the two ends come from; without a name each check is called after its knob. Parameters
    otherwise as those of `at_most`. Raises `TypeError` for other than two knobs.
    """
    if isinstance(knobs, str) or len(knobs) != 2:
        raise TypeError(f"between got knobs as {preview(knobs)}: use two, (low, high)")
    names = (f"{name}_low", f"{name}_high") if name else (None, None)
    return (
        at_least(value, low, name=names[0], knob=knobs[0], category=category, message=message, required=required),
        at_most(value, high, name=names[1], knob=knobs[1], category=category, message=message, required=required),
    )


def close(
    got: Any,
    want: float,
    *,
    rtol: float = 0.0,
    atol: float = 0.0,
    name: str | None = None,
    knob: str | None = None,
    category: str | None = None,
    message: str | None = None,
    required: bool = True,
) -> Check:
    """Whether |got − want| ≤ atol + rtol·|want|. Infinite numbers are close to none.

    `knob`: the tolerance that decides. The check's value is the distance, its bound the right-hand side. Parameters
    otherwise as those of `at_most`.
    """
    terms = _Terms("close", name, knob, category, message, required)
    for number in (want, rtol, atol):
        terms.checked(number)
    bound = _allowed(want, rtol, atol)
    if not _is_number(got):
        return terms.check(False, None, bound, "at_most", f"is {preview(got)}, which is not a number")
    distance = _distance(got, want)
    said = f"is {_shown(got)}, not within {_shown(bound)} of {_shown(want)}"
    return terms.check(distance <= bound, distance, bound, "at_most", said)


def equal(
    got: Any,
    want: Any,
    *,
    name: str,
    category: str | None = None,
    message: str | None = None,
    required: bool = True,
) -> Check:
    """Whether both are the same JSON: 1 and 1.0 are, 1 and true are not; lists and tuples are. No knob can loosen it.

    Parameters otherwise as those of `at_most`.
    """
    terms = _Terms("equal", name, None, category, message, required)
    value, bound = (got, want) if _is_number(got) and _is_number(want) else (None, None)
    return terms.check(_same(got, want), value, bound, None, f"is {preview(got)}, not {preview(want)}")


@dataclass(frozen=True)
class _Terms:
    """What an author says about a check, whatever it compares."""

    function: str
    """For messages."""
    name: str | None
    knob: str | None
    category: str | None
    message: str | None
    required: bool

    def __post_init__(self) -> None:
        if not self.name and not self.knob:
            fix = 'give one, such as name="items" or knob="tolerances.items"'
            raise TypeError(f"{self.function} got neither name nor knob: {fix}")

    @property
    def called(self) -> str:
        return self.name or str(self.knob).rpartition(".")[2]

    def bounded(self, direction: Direction, value: Any, bound: Any) -> Check:
        """The check of a number against its bound."""
        self.checked(bound)
        if not _is_number(value):
            return self.check(False, None, bound, direction, f"is {preview(value)}, which is not a number")
        passed = value <= bound if direction == "at_most" else value >= bound
        said = f"is {_shown(value)}, not {direction.replace('_', ' ')} {_shown(bound)}"
        return self.check(bool(passed), value, bound, direction, said)

    def check(self, passed: bool, value: Any, bound: Any, direction: Direction | None, said: str) -> Check:
        """Category and message are those of a failure: a check that passed has none. `said`: the message's default."""
        knob = self.knob.removeprefix("task.") if self.knob else None
        why = (None, None) if passed else (self.category, self.message or f"{self.called} {said}")
        return Check(self.called, passed, _stored(value), _stored(bound), self.required, knob, direction, *why)

    def checked(self, bound: Any) -> None:
        """Raise `TypeError` for a bound that is not a number."""
        if not _is_number(bound):
            raise TypeError(f"{self.function} got {preview(bound)} as a bound of {self.called!r}: use a number")


def _is_number(value: Any) -> bool:
    """Also NumPy's; a boolean is none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _allowed(want: Any, rtol: Any, atol: Any) -> Any:
    """atol + rtol·|want|, also of whole numbers that no float can hold."""
    try:
        return atol + rtol * abs(want)
    except OverflowError:
        return Fraction(atol) + Fraction(rtol) * abs(want)


def _distance(got: Any, want: Any) -> Any:
    """Whole numbers are subtracted exactly, whatever their size."""
    try:
        return abs(got - want)
    except OverflowError:  # a whole number that no float can hold, and a float
        return math.inf


def _stored(value: Any) -> float | None:
    """As a run's line holds it: None where no finite float does."""
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _shown(value: Any) -> str:
    stored = _stored(value)
    return preview(value) if stored is None or isinstance(value, int) else f"{stored:.6g}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    return bool(one == other)
