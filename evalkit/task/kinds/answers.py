"""Types of answers of `kind: answer`: how each is read from any JSON, compared, and shown to the model."""

from __future__ import annotations

import json
import math
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from evalkit.task.grade import as_number, preview, readings
from evalkit.util.bounded_json import loads

LARGEST = 1.7976931348623157e308
STEPS = ("case", "space", "punctuation", "articles")
"""What `normalise` can leave out of a comparison of texts."""


class Unreadable(Exception):
    """An answer that is not of its type; says what it is."""


@dataclass(frozen=True)
class Form:
    """One known form of an answer, for audits: what to submit, and whether it is right."""

    name: str
    answer: Any
    right: bool
    about: str


class AnswerType(Protocol):
    """What is done with one type of answer."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema that the model sees."""
        ...

    def expected(self, given: Any) -> Any:
        """The right answer of the YAML or the row, as it is compared and submitted. Raises `Unreadable`."""
        ...

    def read(self, answer: Any) -> Any:
        """A submitted answer as it is compared. Raises `Unreadable`."""
        ...

    def distance(self, got: Any, expected: Any) -> float | None:
        """How far off an answer is; None where no tolerance could make it right."""
        ...

    def forms(self, expected: Any) -> Iterator[Form]:
        """Known right and wrong forms of an answer."""
        ...


@dataclass(frozen=True)
class Number:
    """A finite number in every reasonable form."""

    schema: Mapping[str, Any]

    def expected(self, given: Any) -> Any:
        """The number; a text from a CSV file is one too."""
        return self.read(given)

    def read(self, answer: Any) -> Any:
        """`8769`, `8769.0`, `"8769"` and `"8,769"` are the same number. Raises `Unreadable`."""
        number = as_number(answer)
        if number is None or not math.isfinite(number):
            raise Unreadable(f"{preview(answer)}, which is not a finite number")
        return number

    def distance(self, got: Any, expected: Any) -> float | None:
        """The absolute difference, exact for whole numbers of any size."""
        return _gap(got, expected)

    def forms(self, expected: Any) -> Iterator[Form]:
        """As text and as a float; and what looks like a number."""
        yield Form("as_text", str(expected), True, "the number as text")
        yield Form("as_float", float(expected), True, "the number as a float")
        if isinstance(expected, int) and abs(expected) > 999:
            yield Form("with_separators", f"{expected:,}", True, "thousands separated by commas")
        yield Form("in_a_sentence", f"The answer is {expected}", False, "the number in a sentence")
        yield Form("in_a_list", [expected], False, "the number in a list")


@dataclass(frozen=True)
class Text:
    """A text, some differences of which do not count."""

    schema: Mapping[str, Any]
    normalise: Sequence[str] = ("case", "space")
    also: Sequence[str] = ()
    """Other texts that are right."""

    def expected(self, given: Any) -> Any:
        """Numbers of a row count as their text. Raises `Unreadable`."""
        if isinstance(given, bool) or not isinstance(given, str | int | float) or not str(given).strip():
            raise Unreadable(f"{preview(given)}, which is not a text")
        return str(given)

    def read(self, answer: Any) -> Any:
        """A text, without a Markdown fence around it. Raises `Unreadable`."""
        if isinstance(answer, bool) or not isinstance(answer, str | int | float):
            raise Unreadable(f"{preview(answer)}, which is not a text")
        found = readings(str(answer))
        if not found[0].strip():
            raise Unreadable("an empty text")
        return found[0] if len(found) == 1 else found[1]

    def distance(self, got: Any, expected: Any) -> float | None:
        """0 for a right text."""
        right = {normalised(text, self.normalise) for text in (expected, *self.also)}
        return 0.0 if normalised(got, self.normalise) in right else None

    def forms(self, expected: Any) -> Iterator[Form]:
        """With what does not count changed, and in part."""
        if "case" in self.normalise:
            yield Form("upper_case", expected.upper(), True, "in capital letters")
        if "space" in self.normalise:
            yield Form("with_spaces", f"  {expected}\n", True, "with space around it")
        for number, other in enumerate(self.also, 1):
            yield Form(f"also_{number}", other, True, "another right text")
        yield Form("with_more", f"{expected} {expected} or not", False, "with words added")
        yield Form("in_a_list", [expected], False, "the text in a list")


@dataclass(frozen=True)
class Choice:
    """One of several choices: its letter, or its text."""

    schema: Mapping[str, Any]
    choices: Sequence[str] = ()
    """Their texts in order; A is the first."""

    def expected(self, given: Any) -> Any:
        """The letter of a letter, a text, or a place from 0."""
        if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(self.choices):
            return self.letters[given]
        return self.read(given)

    def read(self, answer: Any) -> Any:
        """`B`, `b`, `(B)`, `B.`, `B) the text`, and the text itself. Raises `Unreadable`."""
        if isinstance(answer, str | int | float) and not isinstance(answer, bool):
            said = str(answer).strip()
            texts = [normalised(text, ("case", "space")) for text in self.choices]
            if normalised(said, ("case", "space")) in texts:
                return self.letters[texts.index(normalised(said, ("case", "space")))]
            found = re.fullmatch(r"[*(\s]*([A-Za-z])[*)\].:]*(?:\s+(.*))?", said, re.DOTALL)
            if found and (letter := found[1].upper()) in self.letters:
                rest = normalised(found[2] or "", ("case", "space"))
                if not rest or rest == texts[self.letters.index(letter)]:
                    return letter
        raise Unreadable(f"{preview(answer)}, which is none of the choices {', '.join(self.letters)}")

    def distance(self, got: Any, expected: Any) -> float | None:
        """0 for the right one."""
        return 0.0 if got == expected else None

    def forms(self, expected: Any) -> Iterator[Form]:
        """The right choice in its forms, and every other one."""
        yield Form("lower_case", expected.lower(), True, "the letter in lower case")
        yield Form("in_brackets", f"({expected})", True, "the letter in brackets")
        yield Form("as_its_text", self.choices[self.letters.index(expected)], True, "the text of the choice")
        for number, letter in enumerate((one for one in self.letters if one != expected), 1):
            yield Form(f"other_choice_{number}", letter, False, "another choice")
        yield Form("all_of_them", list(self.letters), False, "every choice")

    @property
    def letters(self) -> Sequence[str]:
        """A, B, C …"""
        return string.ascii_uppercase[: len(self.choices)]


@dataclass(frozen=True)
class Items:
    """A set: items in any order, none twice."""

    schema: Mapping[str, Any]
    normalise: Sequence[str] = ("case", "space")

    def expected(self, given: Any) -> Any:
        """A list, or a text with the items between commas. Raises `Unreadable`."""
        found = _list_in(given)
        if found is None or not found:
            raise Unreadable(f"{preview(given)}, which is not a list of items")
        return found

    def read(self, answer: Any) -> Any:
        """A list of texts and numbers, or such a list as text. Raises `Unreadable`."""
        found = _list_in(answer)
        if found is None or any(isinstance(item, list | dict | bool) or item is None for item in found):
            raise Unreadable(f"{preview(answer)}, which is not a list of texts or numbers")
        return found

    def distance(self, got: Any, expected: Any) -> float | None:
        """0 for the same items."""
        missing, more = self.difference(got, expected)
        return None if missing or more else 0.0

    def difference(self, got: Sequence[Any], expected: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Items that are missing, and those that are too many."""
        have, want = set(map(self._plain, got)), set(map(self._plain, expected))
        missing = [item for item in expected if self._plain(item) not in have]
        return missing, [item for item in got if self._plain(item) not in want]

    def _plain(self, item: Any) -> Any:
        number = as_number(item)
        return Fraction(number) if number is not None and math.isfinite(number) else normalised(item, self.normalise)

    def forms(self, expected: Any) -> Iterator[Form]:
        """In another order, as text, with one item less or more."""
        yield Form("in_reverse", expected[::-1], True, "in another order")
        yield Form("as_json_text", json.dumps(expected), True, "the list as JSON text")
        yield Form("one_less", expected[:-1], False, "without the last item")
        yield Form("one_more", [*expected, "one item more"], False, "with an item too many")


@dataclass(frozen=True)
class Json:
    """Any JSON: objects by key, lists in their order, numbers within a tolerance."""

    schema: Mapping[str, Any]
    required: bool = False
    """Whether an answer has to fit the schema."""

    def expected(self, given: Any) -> Any:
        """A value, or JSON as text."""
        return self._parsed(given)

    def read(self, answer: Any) -> Any:
        """The value; of a text, what it says as JSON. Raises `Unreadable`."""
        found = self._parsed(answer)
        if self.required:
            from jsonschema import Draft202012Validator

            fault = next(iter(Draft202012Validator(dict(self.schema)).iter_errors(found)), None)
            if fault is not None:
                raise Unreadable(f"{preview(answer)}, which does not fit the schema: {fault.message[:200]}")
        return found

    def _parsed(self, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        for text in readings(given):
            try:
                return loads(text)
            except (ValueError, RecursionError):
                continue
        return given

    def distance(self, got: Any, expected: Any) -> float | None:
        """The largest difference between two numbers in the same place; None where anything else differs."""
        return apart(got, expected)

    def forms(self, expected: Any) -> Iterator[Form]:
        """As text, in an object, and nothing."""
        yield Form("as_json_text", json.dumps(expected), True, "the JSON as text")
        yield Form("in_an_object", {"answer": expected}, False, "the right value in an object")
        yield Form("empty", [] if isinstance(expected, dict) else {}, False, "an empty value")


def _gap(one: float, other: float) -> float:
    """The difference, exact for whole numbers of any size; not more than a float holds."""
    difference = abs(Fraction(one) - Fraction(other))
    return float(difference) if difference < LARGEST else LARGEST


def apart(got: Any, expected: Any) -> float | None:
    pending, largest = [(got, expected)], 0.0
    while pending:
        one, other = pending.pop()
        if _is_number(one) and _is_number(other):
            if not math.isfinite(one):
                return None
            largest = max(largest, _gap(one, other))
        elif isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
            pending += [(one[key], other[key]) for key in other]
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            pending += zip(one, other, strict=True)
        elif type(one) is not type(other) or isinstance(one, dict | list) or one != other:
            return None
    return largest


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list_in(given: Any) -> list[Any] | None:
    if not isinstance(given, str):
        return list(given) if isinstance(given, list | tuple) else None
    for text in readings(given):
        try:
            found = loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, list):
            return found
    parts = re.split(r"[,;\n]", readings(given)[-1])
    return [part.strip() for part in parts if part.strip()] or None


def normalised(text: Any, steps: Sequence[str]) -> str:
    """A text without what does not count in a comparison."""
    said = str(text)
    if "case" in steps:
        said = said.casefold()
    if "punctuation" in steps:
        said = said.translate(str.maketrans("", "", string.punctuation))
    if "articles" in steps:
        said = re.sub(r"\b(a|an|the)\b", " ", said, flags=re.IGNORECASE)
    return " ".join(said.split()) if "space" in steps else said


TYPES: Mapping[str, Callable[..., AnswerType]] = {
    "number": Number,
    "text": Text,
    "choice": Choice,
    "set": Items,
    "json": Json,
}
"""`answer.type` → what is done with it."""
