"""What a model must not see: the secrets that a spec lists, and the right answer where the question does not give it.

A right answer often repeats what the model is given: rows of a file to clean, lines of a module to repair, a value to
look up. Such a value is shown where it is told as the answer, not where it stands among the data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.audit.generic import function_in
from evalkit.audit.values import numbers
from evalkit.task.grade import preview
from evalkit.task.optional_parts import files_of, hidden_of, system_of
from evalkit.task.protocol import Spec
from evalkit.util.errors import UserError
from evalkit.util.source_quotes import quote

DIGITS = 4
"""Numbers with fewer significant digits are met by chance."""
NUMBER = re.compile(r"-?\d+(?:[\d_]*\d)?(?:,\d{3})*(?:\.\d+)?(?:[eE][-+]?\d+)?")
LONG_LINE = 40
"""Characters of a line that nobody writes by chance."""
IN_A_ROW = 4
"""Numbers of the right answer that stand side by side, in its order, only where it was copied."""
TELLING = re.compile(r"(?:answer|solution|expect(?:ed|s)?|result|reference|truth|correct)\b[^\d\n.;]{0,40}$", re.I)
"""Words right before a value, on its line, that call it the answer."""
Number = tuple[bool, str]
"""Whether it is whole, and the digits that are compared."""


@dataclass(frozen=True)
class Hidden:
    """What must not be seen."""

    numbers: frozenset[Number]
    """That are seen wherever they stand."""
    texts: frozenset[str]
    """That are seen wherever they stand."""
    sequence: tuple[Number, ...] = ()
    """The numbers of the right answer in their order, if the question gives some of them."""
    whole: tuple[str, ...] = ()
    """Right texts, without indentation and empty lines."""

    @classmethod
    def of(cls, spec: Spec, right: Any, files: Mapping[str, bytes] | None = None) -> Hidden:
        """What the spec lists, and the right answer. `files`: path → right content of the files that are graded."""
        start = files_of(spec)
        given = [spec.prompt, system_of(spec), *map(_text, start.values())]
        found = {} if function_in(right) else numbers(right) or {}
        sequence = tuple(as_seen(value) for value in found.values() if distinctive(value))
        changed = [_text(content) for path, content in (files or {}).items() if start.get(path) != content]
        answers = [right] if isinstance(right, str) and not found else []
        whole = [text for text in map(_spaced, (*answers, *changed)) if len(text) >= LONG_LINE]
        lines = {line for text in whole for line in text.splitlines() if len(line) >= LONG_LINE}
        shared_numbers = set(sequence) & {number for text in given for _, number in _numbers(text)}
        shared_lines = {line for line in lines if any(line in text for text in given)}
        secret_numbers, secret_texts = _listed(spec)
        return cls(
            secret_numbers | (set(sequence) - shared_numbers),
            secret_texts | (lines - shared_lines),
            sequence if shared_numbers else (),
            tuple(whole),
        )

    @property
    def count(self) -> int:
        """How many values are looked for."""
        return len(self.numbers | set(self.sequence)) + len(self.texts)

    def seen_in(self, text: str, place: str = "") -> str:
        """The first hidden value that `text` shows; empty if none does. `place`: where it stands, in words."""
        if text_seen := next((hidden for hidden in sorted(self.texts) if hidden in text), ""):
            return text_seen[:80]
        tokens = list(_numbers(text)) if self.numbers or self.sequence else []
        for match, number in tokens:
            if number in self.numbers:
                return match.group()
        return self._told(text, tokens, place)

    def _told(self, text: str, tokens: Sequence[tuple[re.Match[str], Number]], place: str) -> str:
        """What the question gives some of, told as the answer: whole, in its order, or called so."""
        spaced = _spaced(text) if self.whole else ""
        for whole in self.whole:
            if whole in spaced:
                return whole.splitlines()[0][:80]
        if len(self.sequence) >= IN_A_ROW and _holds([number for _, number in tokens], self.sequence):
            return tokens[0][0].group()
        alone = place == "prompt" and len({number for _, number in tokens}) == 1
        named = place.startswith("file ") and TELLING.search(place.partition(".")[0])
        for match, number in tokens:
            if number in self.sequence and (
                alone or named or TELLING.search(text[max(0, match.start() - 80) : match.start()])
            ):
                return match.group()
        return ""


def _listed(spec: Spec) -> tuple[frozenset[Number], frozenset[str]]:
    """Numbers and texts of `Spec.hidden`. Raises `UserError` for anything else."""
    found: set[Number] = set()
    texts: set[str] = set()
    for item in hidden_of(spec):
        if isinstance(item, str):
            texts |= {item} if item else set()
            continue
        try:
            value = float(item)
        except (TypeError, ValueError):
            said = f"{quote(type(spec), 'hidden')} lists {preview(item)}"
            raise UserError(f"{said}: list numbers and texts, such as those in it") from None
        found |= {as_seen(value)} if distinctive(value) else set()
    return frozenset(found), frozenset(texts)


def distinctive(value: float) -> bool:
    """Whether a number has so many digits that it is not met by chance."""
    if not math.isfinite(value) or value == 0:
        return False
    return len(f"{abs(value):.15g}".partition("e")[0].replace(".", "").strip("0")) >= DIGITS


def as_seen(value: float) -> Number:
    """A fraction by its first significant digits, a whole number by all of them."""
    whole = float(value).is_integer()
    return whole, f"{abs(value):.15g}" if whole else f"{abs(value):.{DIGITS}g}"


def _numbers(text: str) -> Iterator[tuple[re.Match[str], Number]]:
    """The numbers of a text that nobody writes by chance, where they stand."""
    for match in NUMBER.finditer(text):
        token = match.group()
        value = float(token.replace(",", "").replace("_", ""))
        if distinctive(value):
            # A whole number in a text is not a rounding of a fraction: processes and ports are numbered.
            whole = value.is_integer() and ("." not in token or token.endswith(".0"))
            yield match, (whole, as_seen(value)[1])


def _holds(numbers: Sequence[Number], sequence: Sequence[Number]) -> bool:
    """Whether `sequence` stands somewhere in `numbers`, with nothing between."""
    length = len(sequence)
    return any(tuple(numbers[n : n + length]) == tuple(sequence) for n in range(len(numbers) - length + 1))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _spaced(text: str) -> str:
    """Without indentation, empty lines and spaces at ends of lines."""
    return "\n".join(filter(None, map(str.strip, text.splitlines())))
