"""From a submission to a verdict: Measurement (what was found out), Check and Grade (what a rule says about it)."""

from __future__ import annotations

import math
import re
import reprlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Direction = Literal["at_most", "at_least"]
"""What a knob bounds: with `at_most` a larger value passes more, with `at_least` a smaller one."""


@dataclass(frozen=True)
class Fault:
    """Why a submission could not be measured to the end. No threshold could change it."""

    category: str
    message: str


@dataclass(frozen=True)
class Measurement:
    """What a grader found out about a submission: errors, shapes, flags. Knows nothing of thresholds.

    `values` holds JSON only (a non-finite number is stored as a `Fault`, not as a value), so that a
    measurement can be kept on disk and graded again years later.
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
    knob: str | None = None
    """The knob that is the bound, as the config of the task names it: `tolerances.answer`."""
    direction: Direction | None = None
    """Which way the knob loosens."""
    category: str | None = None
    """Of a check that failed: the category of a grade that fails for it."""
    message: str | None = None
    """Of a check that failed: what a grade that fails for it says."""


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
    def of(
        cls, checks: Iterable[Check | Iterable[Check]], message: str = "right", *, score: float | None = None
    ) -> Self:
        """The grade that these checks make: the first required one that failed gives category and message.

        `message`: of a pass. `between` gives two checks, which may stand among the others as they are.
        Raises `ValueError` where no check is required, so that everything would pass, and `TypeError` for what is none.
        """
        every = tuple(_flat(checks))
        required = [check for check in every if check.required]
        if not required:
            raise ValueError("Grade.of got no check that is required, so everything would pass: give it one")
        failed = next((check for check in required if not check.passed), None)
        if failed is None:
            return cls(True, message, None, every, score)
        return cls(False, failed.message or f"{failed.name} is wrong", failed.category or failed.name, every, score)

    @classmethod
    def failed(cls, fault: Fault, checks: tuple[Check, ...] = ()) -> Grade:
        """The grade of a submission that could not be measured to the end."""
        return cls(False, fault.message, fault.category, checks)


def _flat(checks: Iterable[Check | Iterable[Check]]) -> Iterator[Check]:
    for check in checks:
        if isinstance(check, Check):
            yield check
        elif isinstance(check, list | tuple):
            yield from _flat(check)
        else:
            raise TypeError(f"Grade.of got {preview(check)} as a check: use at_most, at_least, equal, … or Check")


def within(name: str, error: float, tolerance: float, *, required: bool = True) -> Check:
    """Whether `error` is strictly less than `tolerance`. NaN never is."""
    return Check(name, error < tolerance, error, tolerance, required)


def as_number(answer: Any) -> float | None:
    """The number that `answer` is, in every reasonable form (8769, 8769.0, "8,769", " 8769 "); None if it is none.

    Whole numbers stay whole, so that large ones can be compared exactly. Digits may be grouped in threes, all by the
    same sign; "87,69" is not a number. Booleans are not numbers. Integers that no float can hold become infinite.
    """
    if isinstance(answer, bool) or not isinstance(answer, int | float | str):
        return None
    if not isinstance(answer, str):
        return _finite_if_whole(answer)
    if len(answer) > LONGEST_NUMBER:
        return None
    found = (_number_in(text.strip()) for text in readings(answer))
    return next((number for number in found if number is not None), None)


LONGEST_NUMBER = 200
"""Characters of a text that may be a number, with everything around it."""
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([,_ '\u2019\u00a0\u2009\u202f])\d{3})(?:\1\d{3})*(?:\.\d*)?(?:[eE][+-]?\d+)?")


_TYPESET = str.maketrans("\u2212\u2013\uff0d\uff0b\uff0c\uff0e", "---+,.")
"""Minus sign, en dash, and full-width signs, comma and point, as Python writes them; it reads any digits itself."""


def _number_in(text: str) -> float | None:
    text = text.translate(_TYPESET)
    grouped = _GROUPED.fullmatch(text)
    if grouped:
        if int(text.lstrip("+-")[0]) == 0:  # "0,769" is not 769: where the comma is the point it is less than 1
            return None
        text = text.replace(grouped[1], "")
    elif "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    whole, _, zeros = text.partition(".")
    if math.isfinite(number) and not zeros.strip("0") and "e" not in text.lower() and whole.strip("+-"):
        return int(whole)
    return number


def _finite_if_whole(number: float) -> float:
    """A number as it is, or infinity for an integer that no float can hold."""
    try:
        float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
    return number


def readings(text: str) -> list[str]:
    """What a text answer may mean, best first: all of it, or what Markdown fences in it hold, the last one first.

    A byte order mark is taken off, line ends become `\\n`, and what is indented as a whole is not.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    blocks = _fenced(text.split("\n"))
    found = [_outdented(text.removeprefix("\ufeff")) for text in (text, *blocks)]
    return list(dict.fromkeys(found))


_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`]*)")


def _fenced(lines: list[str]) -> list[str]:
    """What stands between the first and the last fence, and then every fenced block, the last one first."""
    blocks: list[str] = []
    marks: list[int] = []
    opened, start = "", 0
    for number, line in enumerate(lines):
        fence = _FENCE.fullmatch(line)
        if not fence:
            continue
        marks.append(number)
        if not opened:
            opened, start = fence[1], number + 1
        elif fence[1].startswith(opened) and not fence[2].strip():
            blocks.append("\n".join(lines[start:number]))
            opened = ""
    if opened:  # never closed: to the end
        blocks.append("\n".join(lines[start:]))
    whole = ["\n".join(lines[marks[0] + 1 : marks[-1]])] if len(marks) > 1 else []
    return whole + blocks[::-1]


def _outdented(text: str) -> str:
    first = text.lstrip("\n")[:1]
    return textwrap.dedent(text) if first in (" ", "\t") else text


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
