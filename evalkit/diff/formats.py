"""A comparison for the terminal, as markdown, as a page, and as JSON. Text of others is data in every one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from evalkit.diff.compare import LaunchDiff, SweepDiff
from evalkit.diff.document import Overrides, Part, Section, Table
from evalkit.diff.outcomes import Outcomes
from evalkit.diff.settings import TextSpan
from evalkit.report import markdown as md
from evalkit.report.facts import finite
from evalkit.report.page import document, escaped, html_table
from evalkit.util.text import plain

_STYLES = {"-": "red", "+": "green", "…": "dim"}
_SIGNS = {"-": ("[-", "-]"), "+": ("{+", "+}")}
_TAGS = {"-": "del", "+": "ins"}
_MARKS = {"✓": "green", "✗": "red", "!": "yellow"}


def terminal(sections: Sequence[Section]) -> RenderableType:
    """For `evalkit.cli.show.present`. Changed words look like wdiff's: `[-old-]{+new+}`."""
    parts: list[RenderableType] = []
    for section in sections:
        parts.append(Text(plain(section.title, one_line=True), style="bold"))
        for part in section.parts:
            parts += [_rich(part), Text()]
    return Group(*parts)


def _rich(part: Part) -> RenderableType:
    if isinstance(part, str):
        return Text(f"  {plain(part, one_line=True)}")
    if isinstance(part, tuple):
        text = Text("  ")
        for piece in part:
            before, after = _SIGNS.get(piece.kind, ("", ""))
            text.append(f"{before}{plain(piece.text)}{after}", style=_STYLES.get(piece.kind, ""))
        return text
    if isinstance(part, Overrides):
        part = Table(("override", "was"), part.rows)
    table = RichTable(box=None, padding=(0, 2, 0, 2), pad_edge=False, header_style="dim", show_header=True)
    for name in part.header:
        table.add_column(Text(plain(name, one_line=True)), overflow="fold")
    for row in part.rows:
        table.add_row(*(Text(cell, style=_MARKS.get(cell[:1], "")) for cell in map(plain, row)))
    return table


def markdown(sections: Sequence[Section]) -> str:
    """For a pull request."""
    lines: list[str] = []
    for place, section in enumerate(sections):
        lines += [f"{'##' if place == 0 else '###'} {md.escaped(section.title)}", ""]
        for part in section.parts:
            if isinstance(part, str):
                lines.append(md.escaped(part))
            elif isinstance(part, tuple):
                lines += [f"> {line}" for line in "".join(map(_marked, part)).split("\n")]
            elif isinstance(part, Overrides):
                lines += _fenced([f"{override}  # was {was or 'not there'}" for override, was in part.rows])
            else:
                lines += md.table(part.header, part.rows)
            lines.append("")
    return "\n".join(lines)


def _fenced(lines: Sequence[str]) -> list[str]:
    text = plain("\n".join(lines))
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return [f"{fence}sh", text, fence]


def _marked(piece: TextSpan) -> str:
    words = "\n".join(md.escaped(line) for line in plain(piece.text).split("\n"))
    lead, trail = piece.text[:1].isspace(), piece.text[-1:].isspace()
    if piece.kind in _TAGS and words.strip():
        words = f"<{_TAGS[piece.kind]}>{words}</{_TAGS[piece.kind]}>"
    return f"{' ' if lead else ''}{words}{' ' if trail else ''}"


def page(several: Sequence[Sequence[Section]]) -> str:
    """One self-contained page without a script."""
    body = "".join(_html(section, first=place == 0) for sections in several for place, section in enumerate(sections))
    return document("evalkit diff", f"<main>{body}</main>")


def _html(section: Section, *, first: bool) -> str:
    level = "h1" if first else "h2"
    parts = [f"<{level}>{escaped(section.title)}</{level}>"]
    for part in section.parts:
        if isinstance(part, str):
            parts.append(f"<p>{escaped(part)}</p>")
        elif isinstance(part, tuple):
            parts.append(f'<p class="text">{"".join(map(_tagged, part))}</p>')
        elif isinstance(part, Overrides):
            rows = [[f"<code>{escaped(override)}</code>", escaped(was)] for override, was in part.rows]
            parts.append(html_table(("Override", "Was"), rows))
        else:
            parts.append(html_table(part.header, [[_coloured(cell) for cell in row] for row in part.rows]))
    return f"<section>{''.join(parts)}</section>\n"


def _tagged(piece: TextSpan) -> str:
    tag = _TAGS.get(piece.kind)
    return f"<{tag}>{escaped(piece.text)}</{tag}>" if tag else escaped(piece.text)


def _coloured(cell: str) -> str:
    style = {"✓": "passed", "✗": "failed", "!": "error"}.get(cell[:1])
    return f'<span class="{style}">{escaped(cell)}</span>' if style else escaped(cell)


def facts(diff: LaunchDiff | SweepDiff) -> dict[str, Any]:
    """The comparison as JSON, with every difference of the config."""
    kind = {"old": str(diff.old.folder), "new": str(diff.new.folder), "differ": diff.differ, "notes": list(diff.notes)}
    settings = asdict(diff.settings)
    if isinstance(diff, SweepDiff):
        cells = [
            {"knobs": dict(cell.knobs), "beyond_chance": cell.discovered, **_outcomes(cell.outcomes)}
            for cell in diff.cells
        ]
        lonely = {"only_old": [dict(knobs) for knobs in diff.only_old], "only_new": [dict(k) for k in diff.only_new]}
        return {"kind": "sweep", **kind, "settings": settings, "cells": cells, **lonely}
    effects = [{"folder": str(one.folder), **_outcomes(one.outcomes)} for one in diff.grader_effects]
    return {"kind": "launch", **kind, "settings": settings, "grader_effects": effects, **_outcomes(diff.outcomes)}


def _outcomes(outcomes: Outcomes) -> dict[str, Any]:
    sides = {}
    for name, side in (("old", outcomes.old), ("new", outcomes.new)):
        sides[name] = asdict(side) | {"rate": side.rate.to_dict()}
    return {
        "sides": sides,
        "shared": outcomes.shared,
        "paired_by": outcomes.paired_by,
        "pairs": outcomes.pairs and asdict(outcomes.pairs),
        "unknown": outcomes.unknown,
        "difference": None if outcomes.unknown else outcomes.comparison.difference,
        "differences": asdict(outcomes.differences),
        "interval": None if outcomes.unknown else asdict(outcomes.comparison.interval),
        "p_value": None if outcomes.unknown else outcomes.comparison.p_value,
        "test": None if outcomes.unknown else outcomes.comparison.method,
        "confidence": outcomes.confidence,
        "told_from_chance": outcomes.tells,
        "runs_needed": outcomes.runs_needed,
        "flips": [asdict(flip) for flip in outcomes.flips],
        "changed_runs": list(outcomes.changed_runs),
    }


def as_json(diffs: Sequence[LaunchDiff | SweepDiff]) -> str:
    """One object for two directories, a list of them for more."""
    values = [finite(facts(diff)) for diff in diffs]
    return json.dumps(values[0] if len(values) == 1 else values, indent=1) + "\n"
