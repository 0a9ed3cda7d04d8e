"""Shows a document in a terminal, with Rich. Text of others reaches it without escapes and without markup."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

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
    text_of,
    tone_of,
)
from evalkit.util.text import plain

STYLES = {"": "", "passed": "green", "failed": "red", "error": "yellow", "muted": "dim"}
_CHANGED = {"-": ("[-", "-]", "red"), "+": ("{+", "+}", "green"), "…": ("", "", "dim")}
_BRIEF, _ROOM = 10, 60
"""Columns of at most so many characters are kept whole, if together they take no more than so many."""


def terminal(document: Document) -> RenderableType:
    """For `evalkit.display.pager.present`. Changed words look like wdiff's: `[-old-]{+new+}`."""
    shown: list[RenderableType] = []
    for section in document:
        shown += [Text()] if shown else []
        indent = 2 if section.title else 0
        if section.title:
            shown.append(Text(plain(section.title, one_line=True), style="bold"))
        parts = [Padding(_part(part), (0, 0, 0, indent)) for part in section.parts if not isinstance(part, Picture)]
        for place, part in enumerate(parts):
            shown += [part] if place == 0 else [Text(), part]
    return Group(*shown)


def _part(part: Part) -> RenderableType:
    match part:
        case Note():
            return Text(plain(f"{part.label}: {part.text}", one_line=True), style="yellow")
        case Sentence():
            return Text(plain(part.text, one_line=True), style=STYLES[part.tone])
        case Items():
            return Group(*(_item(row) for row in part.rows))
        case Table():
            return _table(part)
        case Code():
            return Group(*_lines(part))
        case Changes():
            return _changes(part)
        case _:
            return Text(plain(part, one_line=True))


def _item(cell: Cell) -> RenderableType:
    """A line; what does not fit hangs below it."""
    row = RichTable.grid()
    text = text_of(cell)
    row.add_column(width=len(text) - len(text.lstrip()) or None)
    row.add_column()
    row.add_row("", _text(cell))
    return row


def _lines(part: Code) -> Iterator[Text]:
    for line, tone in zip_longest(plain(part.text).split("\n"), part.tones, fillvalue=""):
        yield Text(line, style=STYLES[tone], overflow="fold")


def _text(cell: Cell) -> Text:
    return Text(plain(text_of(cell), one_line=True), style=STYLES[tone_of(cell)])


def _table(part: Table) -> RenderableType:
    table = RichTable(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    widths = [
        max(len(text_of(cell)) for cell in (name, *(row[place] for row in part.rows)))
        for place, name in enumerate(part.header)
    ]
    brief = [width + 2 for width in widths if width <= _BRIEF]
    for place, name in enumerate(part.header):
        whole = widths[place] <= _BRIEF and sum(brief) <= _ROOM
        justify = "right" if part.numeric(place) else "left"
        table.add_column(
            Text(plain(name, one_line=True)),
            overflow="fold",
            no_wrap=whole,
            justify=justify,  # type: ignore[arg-type]  # a literal
        )
    for row in part.rows:
        table.add_row(*map(_text, row))
    return table


def _changes(part: Changes) -> Text:
    text = Text()
    for span in part.spans:
        before, after, style = _CHANGED.get(span.kind, ("", "", ""))
        text.append(f"{before}{plain(span.text)}{after}", style=style)
    return text
