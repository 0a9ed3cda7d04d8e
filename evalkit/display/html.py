"""Writes a document as HTML, and the page around it: one self-contained file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Sequence

from evalkit.display.document import (
    Cell,
    Changes,
    Code,
    Document,
    Items,
    Note,
    Part,
    Picture,
    Section,
    Sentence,
    Table,
    TextSpan,
    Tone,
    Words,
    text_of,
    tone_of,
)
from evalkit.display.svg import asset, svg
from evalkit.util.text import plain

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_TAGS = {"-": "del", "+": "ins"}
_BRIEF = 12
"""Columns of so short texts are not broken."""
_NONE = "'none'"
_REST = "base-uri 'none'; form-action 'none'"


def as_html(document: Document) -> str:
    """The sections as elements; the first title is the page's."""
    return "".join(section_html(section, level=1 if place == 0 else 2) for place, section in enumerate(document))


def section_html(section: Section, level: int = 2) -> str:
    """One section with its heading."""
    return f"<section><h{level}>{escaped(section.title)}</h{level}>{parts_html(section.parts)}</section>\n"


def parts_html(parts: Sequence[Part]) -> str:
    """The parts of a section without its title."""
    return "".join(map(_part, parts))


def _part(part: Part) -> str:
    match part:
        case Note():
            return f'<p class="note">{escaped(part.label)}: {escaped(part.text)}</p>'
        case Sentence():
            return f"<p>{_toned(escaped(part.text), part.tone)}</p>"
        case Items():
            return f"<ul>{''.join(f'<li>{_cell(row)}</li>' for row in part.rows)}</ul>"
        case Table():
            return _table(part)
        case Code():
            return f'<pre class="code">{escaped(part.text)}</pre>'
        case Changes():
            return f'<p class="text">{"".join(map(_tagged, part.spans))}</p>'
        case Picture():
            return "".join(f"<figure>{svg(figure)}</figure>" for figure in part.figures)
        case _:
            return f"<p>{escaped(part)}</p>"


def _table(part: Table) -> str:
    """A table that scrolls sideways on a narrow screen. In a table of two columns, the first names the second."""
    names = [len(part.header) == 2, *[False] * (len(part.header) - 1)]
    styles = [_style(part, place) for place in range(len(part.header))]
    head = "".join(f'<th scope="col"{at}>{escaped(name)}</th>' for name, at in zip(part.header, styles, strict=True))
    lines = "".join(f"<tr>{''.join(map(_in_row, row, styles, names))}</tr>\n" for row in part.rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{lines}</tbody></table></div>'


def _style(part: Table, column: int) -> str:
    if part.numeric(column):
        return ' class="figure"'
    return ' class="brief"' if all(len(text_of(row[column])) <= _BRIEF for row in part.rows) else ""


def _in_row(cell: Cell, style: str, is_name: bool) -> str:
    return f'<th scope="row">{_cell(cell)}</th>' if is_name else f"<td{style}>{_cell(cell)}</td>"


def _cell(cell: Cell) -> str:
    shown, tone = escaped(text_of(cell)), tone_of(cell)
    if isinstance(cell, Words) and cell.name and shown:
        shown = f"<code>{shown}</code>"
    if isinstance(cell, Words) and cell.link:
        shown = f'<a href="{escaped(cell.link)}">{shown}</a>'
    return _toned(shown, tone)


def _toned(shown: str, tone: Tone) -> str:
    return f'<span class="{tone}">{shown}</span>' if tone else shown


def _tagged(piece: TextSpan) -> str:
    tag = _TAGS.get(piece.kind)
    return f"<{tag}>{escaped(piece.text)}</{tag}>" if tag else escaped(piece.text)


def page(title: str, body: str, *, style: str = "", script: str = "", data: str = "") -> str:
    """A whole page around `body`, with what `style` and `script` add. Only the style and the script that evalkit ships
    can act in it: both are named by their hash in a policy that forbids everything else, the network included. `data`
    stands last, so that the page can be used while a browser still reads it."""
    style = asset("page.css") + asset("figure.css") + style
    script = f'"use strict";\n(() => {{\n{script}}})();\n' if script else ""
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script) if script else _NONE}; {_REST}"
    parts = {
        "policy": policy,
        "title": escaped(title),
        "style": style,
        "body": body,
        "data": data,
        "script": f"<script>{script}</script>" if script else "",
    }
    return _SLOT.sub(lambda slot: parts[slot[1]], asset("document.html"))


def escaped(text: object) -> str:
    """Text for HTML, without control characters."""
    return html.escape(plain(text))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
