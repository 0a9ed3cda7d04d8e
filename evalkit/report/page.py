"""`report.html`: one self-contained page that needs no network. What models wrote is in it as data, never as markup."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

from evalkit.display.formatting import sweep_advice
from evalkit.display.svg import asset, svg
from evalkit.report.conversations import Conversations
from evalkit.report.facts import as_json, page_facts
from evalkit.report.figures import caption, gauge, tokens_curve
from evalkit.report.markdown import raised, reuse_sentence, sweep_row
from evalkit.results.reading import CellRecord, Results
from evalkit.util.text import counted, plain, short_names

_SCRIPTS = ("dom.js", "figure.js", "highlight.js", "runs.js", "conversation.js", "page.js")
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def launch_page(cell: CellRecord) -> str:
    """The page of one launch. Shows durations where the runs of `cell` have them."""
    conversations = Conversations(cell)
    blocks = "".join(f'<script type="text/plain" id="talk-{run}">{text}</script>\n' for run, text in conversations)
    curve, steps = _curve(cell)
    facts = page_facts(cell) | {"curve": steps, "shared": conversations.shared, "left_out": conversations.left_out}
    slots = {"gauge": svg(gauge(cell.summary)), "curve": curve, "raised": _raised(cell)}
    shown = _SLOT.sub(lambda slot: slots[slot[1]], _asset("launch.html"))
    body = f'{shown}<script type="application/json" id="facts">{as_json(facts)}</script>'
    return document(f"{cell.title} – {cell.model}", body, scripts=_SCRIPTS, data=blocks)


def _curve(cell: CellRecord) -> tuple[str, dict[str, Any] | None]:
    """The tokens to success as HTML, and what a slider along it says."""
    found = tokens_curve(cell)
    if found is None:
        unknown = cell.summary.rate.unknown
        said = f"Of {counted(unknown, 'run')} nobody knows whether they passed." if unknown else "No run was graded."
        return f'<p class="muted">{said}</p>', None
    figure, steps = found
    return f"{svg(figure)}<figcaption>{escaped(caption(cell.summary))}</figcaption>", steps


def _raised(cell: CellRecord) -> str:
    """What the task's own code raised, with tracebacks."""
    shown = "".join(
        f'<p>{escaped(which)}: {escaped(said)}</p><pre class="code">{escaped(traceback)}</pre>'
        for which, said, traceback in raised(cell.runs)
    )
    return f'<section id="raised"><h2>Errors in the task\'s own code</h2>{shown}</section>' if shown else ""


def sweep_page(results: Results) -> str:
    """The page of a sweep: a table of its cells, each with a link to its own page. Needs no script."""
    first = results.cells[0]
    header = [
        *short_names(results.knobs),
        "Runs",
        "Pass rate",
        "Interval",
        "Verdict",
        "Mean tokens",
        "Errors",
        "Report",
    ]
    rows = []
    for cell in results.cells:
        link = quote(cell.folder.relative_to(results.folder).as_posix()) + "/report.html"
        rows.append([*map(escaped, sweep_row(results, cell)), f'<a href="{escaped(link)}">open</a>'])
    notes = ["Simulated model: these figures measure no LLM."] if first.simulated else []
    notes += [escaped(said)] if (said := reuse_sentence(results)) else []
    notes += [escaped(said)] if (said := sweep_advice([cell.summary for cell in results.cells])) else []
    if results.unfinished:
        missing = counted(len(results.unfinished), "cell")
        notes.append(f"{missing} without results: the sweep is unfinished.")
    above = "".join(f'<p class="note">{note}</p>' for note in notes)
    landscape = '<p><a href="landscape.html">Landscape</a></p>' if (results.folder / "landscape.html").is_file() else ""
    title = f"{first.title}: {counted(len(results.cells), 'cell')}"
    body = f"<main><h1>{escaped(title)}</h1>{above}{landscape}{html_table(header, rows)}</main>"
    return document(title, body)


def document(
    title: str, body: str, *, scripts: Sequence[str] = (), data: str = "", own_style: str = "", own_script: str = ""
) -> str:
    """A whole page around `body`. Only the style and the script that evalkit ships can act in it: both are named by
    their hash in a policy that forbids everything else, the network included. `data` stands last, so that the page
    can be used while a browser still reads it."""
    style = _asset("page.css") + asset("figure.css") + own_style
    script = "".join(asset(name) if name == "figure.js" else _asset(name) for name in scripts) + own_script
    script = f'"use strict";\n(() => {{\n{script}}})();\n' if scripts else ""
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script) if script else _NONE}; {_REST}"
    parts = {
        "policy": policy,
        "title": escaped(title),
        "style": style,
        "body": body,
        "data": data,
        "script": f"<script>{script}</script>" if script else "",
    }
    return _SLOT.sub(lambda slot: parts[slot[1]], _asset("document.html"))


_NONE = "'none'"
_REST = "base-uri 'none'; form-action 'none'"


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls sideways on a narrow screen; `rows` hold HTML, `header` text."""
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in header)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{lines}</tbody></table></div>'


def escaped(text: object) -> str:
    """Text for HTML, without control characters."""
    return html.escape(plain(text))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return resources.files("evalkit.report").joinpath("assets", name).read_text(encoding="utf-8")
