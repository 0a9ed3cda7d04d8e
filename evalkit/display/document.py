"""The document: sections of sentences, notes, lists, tables, code and figures, which every renderer shows.

What evalkit reports is built once, from these parts. `terminal`, `markdown` and `html` beside this file show it. Text
is data: a renderer escapes whatever would act where it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.display.figure import Figure

Tone = Literal["", "passed", "failed", "error", "muted"]
"""What a text says: good, bad, to be careful with, of less weight."""
TONES: dict[str, Tone] = {"✓": "passed", "✗": "failed", "?": "error", "!": "error"}
"""Of a text that starts with a mark."""
_NUMBER = re.compile(r"[-+]?\d[\d,.]*[%*]?|–|")


@dataclass(frozen=True)
class Words:
    """A text in a table or a list that is more than plain: with a tone, a name of something, or a link."""

    text: str
    tone: Tone = ""
    name: bool = False
    """A name from code or files, shown as such."""
    link: str = ""
    """Where a click leads, a relative address. A terminal and markdown show the text alone."""


Cell = str | Words


@dataclass(frozen=True)
class Sentence:
    """A paragraph with a tone. A `str` is one without."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Note:
    """A sentence that must be seen: `Warning`, `Note`, and what is said."""

    label: str
    text: str


@dataclass(frozen=True)
class Items:
    """A list; markdown and pages give each a bullet."""

    rows: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """The header names the columns; all rows are as long."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def numeric(self, column: int) -> bool:
        """Whether the column holds nothing but numbers: they stand to the right."""
        return any(text_of(row[column]) for row in self.rows) and all(
            _NUMBER.fullmatch(text_of(row[column])) for row in self.rows
        )


@dataclass(frozen=True)
class Code:
    """Lines that are shown as they are: a command, a traceback, a block of figures."""

    text: str
    language: str = "text"
    tones: tuple[Tone, ...] = ()
    """One a line, for a terminal."""


@dataclass(frozen=True)
class TextSpan:
    """A stretch of a text: in both (`=`), in the old only (`-`), in the new only (`+`), or left out (`…`)."""

    kind: str
    text: str


@dataclass(frozen=True)
class Changes:
    """The changed words of a text."""

    spans: tuple[TextSpan, ...]


@dataclass(frozen=True)
class Picture:
    """Figures: a page draws them, markdown shows the file that holds them, a terminal leaves them out."""

    figures: tuple[Figure, ...]
    title: str
    file: str
    """Address relative to the document."""


Part = str | Sentence | Note | Items | Table | Code | Changes | Picture


@dataclass(frozen=True)
class Section:
    """A title and what stands under it."""

    title: str
    parts: tuple[Part, ...]


Document = Sequence[Section]
"""The title of the first section is that of the document."""


def with_content(sections: Sequence[Section]) -> list[Section]:
    """The sections that have parts."""
    return [section for section in sections if section.parts]


def text_of(cell: Cell) -> str:
    """What it says."""
    return cell if isinstance(cell, str) else cell.text


def tone_of(cell: Cell) -> Tone:
    """Its own, or that of the mark it starts with."""
    if isinstance(cell, Words) and cell.tone:
        return cell.tone
    text = text_of(cell)
    return TONES.get(text[:1], "") if text[1:2] in ("", " ") else ""
