"""Writes a document as markdown, to keep and to paste. Text of others shows as it is and does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from evalkit.display.document import (
    Cell,
    Changes,
    Code,
    Document,
    Items,
    Note,
    Part,
    Picture,
    Sentence,
    Table,
    TextSpan,
    Words,
    text_of,
)
from evalkit.util.text import plain

_ACTIVE = re.compile(r"([\\`*_{}\[\]<>|~&])")
_PINGS = re.compile(r"(?<!\w)@|@(?=[a-z])|#(?=\w)|(?<=\w)://|(?<=www)\.", re.IGNORECASE)
_TAGS = {"-": "del", "+": "ins"}


def markdown(document: Document, level: int = 1) -> str:
    """The text; `level` is that of the first heading, the others stand below it."""
    blocks: list[str] = []
    for place, section in enumerate(document):
        blocks.append(f"{'#' * (level + (place > 0))} {escaped(section.title)}")
        blocks += ["\n".join(_part(part)) for part in section.parts]
    return "\n\n".join(blocks) + "\n"


def _part(part: Part) -> Sequence[str]:
    match part:
        case Note():
            return [f"> **{escaped(part.label)}:** {escaped(part.text)}"]
        case Sentence():
            return [escaped(part.text)]
        case Items():
            return [f"- {_cell(row)}" for row in part.rows]
        case Table():
            return list(_table(part))
        case Code():
            return _fenced(part)
        case Changes():
            return [f"> {line}" for line in "".join(map(_marked, part.spans)).split("\n")]
        case Picture():
            return [f"![{escaped(part.title)}]({part.file})"]
        case _:
            return [escaped(part)]


def _table(part: Table) -> Iterator[str]:
    yield _line(part.header)
    yield "|" + "---|" * len(part.header)
    yield from map(_line, part.rows)


def _line(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(cell: Cell) -> str:
    text = plain(text_of(cell), one_line=True)
    named = isinstance(cell, Words) and cell.name and text and not re.search(r"[`|\\]", text)
    return f"`{text}`" if named else escaped(text)


def _fenced(part: Code) -> list[str]:
    """Lines of a block in which text shows as it is, whatever is in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", part.text)), default=0))
    return [f"{fence}{part.language}", plain(part.text), fence]


def _marked(piece: TextSpan) -> str:
    words = "\n".join(escaped(line) for line in plain(piece.text).split("\n"))
    lead, trail = piece.text[:1].isspace(), piece.text[-1:].isspace()
    if piece.kind in _TAGS and words.strip():
        words = f"<{_TAGS[piece.kind]}>{words}</{_TAGS[piece.kind]}>"
    return f"{' ' if lead else ''}{words}{' ' if trail else ''}"


def escaped(text: object) -> str:
    """`text` in one line as markdown that shows it: no markup, no image, no link, nobody is mentioned by it.

    Mentions, issue numbers and addresses are recognised after markdown was rendered, so no backslash helps against
    them: an empty comment keeps their first character apart.
    """
    words = _ACTIVE.sub(r"\\\1", plain(text, one_line=True))
    return _PINGS.sub(lambda found: found[0] + "<!-- -->", words)
