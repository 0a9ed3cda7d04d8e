"""Shows a document in a terminal, with Rich. Text of others reaches it without escapes and without markup."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
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
_WORD = 24
"""Longer words of a table are broken."""


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
            return Group(*map(_text, part.rows))
        case Table():
            return _Fitting(part)
        case Code():
            return Group(*_lines(part))
        case Changes():
            return _changes(part)
        case _:
            return Text(plain(part, one_line=True))


def _lines(part: Code) -> Iterator[Text]:
    for line, tone in zip_longest(plain(part.text).split("\n"), part.tones, fillvalue=""):
        yield Text(line, style=STYLES[tone], overflow="fold")


def _text(cell: Cell) -> Text:
    return Text(plain(text_of(cell), one_line=True), style=STYLES[tone_of(cell)])


class _Fitting:
    """A table, or where its words do not fit side by side, a line for every cell."""

    def __init__(self, part: Table) -> None:
        self._part = part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = zip(self._part.header, *self._part.rows, strict=True)
        words = [max(len(word) for cell in column for word in ["", *text_of(cell).split()]) for column in columns]
        if sum(min(width, _WORD) + 2 for width in words) <= options.max_width + 2:
            yield _table(self._part)
            return
        for place, row in enumerate(self._part.rows):
            yield from [Text()] if place else []
            for name, cell in zip(self._part.header, row, strict=True):
                if text_of(cell):
                    yield Text.assemble((f"{plain(name, one_line=True)}: " if name else "", "dim"), _text(cell))


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
