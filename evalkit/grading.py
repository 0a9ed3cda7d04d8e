"""From a submission to a verdict: Measurement (what was found out), Check and Grade (what a rule says about it)."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Fault:
    """Why a submission could not be measured to the end. No threshold could change it."""

    category: str
    message: str


@dataclass(frozen=True)
class Measurement:
    """What a grader found out about a submission: errors, shapes, flags. Knows nothing of thresholds.

    `values` holds JSON only (a non-finite number is stored as a `Fault`, not as a value), so that a
    measurement can be kept on disk and judged again years later.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    fault: Fault | None = None


@dataclass(frozen=True)
class Check:
    """One named comparison of a grade: `value` against `bound`, both None where neither is a number."""

    name: str
    passed: bool
    value: float | None = None
    bound: float | None = None
    required: bool = True
    """False: reported always, but no part of the verdict."""


@dataclass(frozen=True)
class Grade:
    """The verdict of a rule on a measurement."""

    passed: bool
    message: str
    category: str | None = None
    """Why it failed, one of the task's `categories`; None for a pass."""
    checks: tuple[Check, ...] = ()
    score: float | None = None
    """Partial credit in 0…1 where a task gives any; else 1 or 0."""

    def __post_init__(self) -> None:
        if self.passed == (self.category is not None):
            raise ValueError("a failed grade names its category, a passed one has none")
        if self.score is None:
            object.__setattr__(self, "score", float(self.passed))

    @classmethod
    def failed(cls, fault: Fault, checks: tuple[Check, ...] = ()) -> Grade:
        """The grade of a submission that could not be measured to the end."""
        return cls(False, fault.message, fault.category, checks)


def within(name: str, error: float, tolerance: float, *, required: bool = True) -> Check:
    """Whether `error` is strictly less than `tolerance`. NaN never is."""
    return Check(name, error < tolerance, error, tolerance, required)


def as_number(answer: Any) -> float | None:
    """The number that `answer` is, in every reasonable form (8769, 8769.0, "8,769", " 8769 "); None if it is none.

    Booleans are no numbers. Integers that no float can hold become infinite.
    """
    if isinstance(answer, bool):
        return None
    if isinstance(answer, str):
        if len(answer) > 64:
            return None
        answer = answer.strip().replace(",", "").replace("_", "")
    if not isinstance(answer, int | float | str):
        return None
    try:
        return float(answer)
    except ValueError:
        return None
    except OverflowError:
        return math.inf if answer > 0 else -math.inf  # type: ignore[operator]


class _Preview(reprlib.Repr):
    """Python refuses to write integers of more than 4,300 digits."""

    def repr_int(self, x: int, level: int) -> str:
        bits = x.bit_length()
        return super().repr_int(x, level) if bits < 10_000 else f"an integer of {bits:,} bits"


_preview = _Preview()
_preview.maxlevel, _preview.maxstring, _preview.maxother, _preview.maxlong = 3, 60, 60, 40


def preview(answer: Any) -> str:
    """A short text for any JSON, however large or deep, for messages."""
    return _preview.repr(answer)
