"""`report.html`: one self-contained page that needs no network. What models wrote is in it as data, never as markup."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

from evalkit.display.html import as_html, escaped, page, parts_html, section_html
from evalkit.display.svg import asset, svg
from evalkit.report.conversations import Conversations
from evalkit.report.facts import as_json, page_facts
from evalkit.report.figures import caption, gauge, tokens_curve
from evalkit.report.launch import metrics_table, notes, raised_section, settings_section
from evalkit.report.problems import plans_section, problem_facts, problem_plots
from evalkit.report.sweep import sweep_document
from evalkit.results.reading import CellRecord, Results
from evalkit.util.text import counted

_SCRIPTS = ("highlight.js", "runs.js", "problems.js", "conversation.js", "page.js")
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def launch_page(cell: CellRecord) -> str:
    """The page of one launch. Shows durations where the runs of `cell` have them."""
    conversations = Conversations(cell)
    blocks = "".join(f'<script type="text/plain" id="talk-{run}">{text}</script>\n' for run, text in conversations)
    curve, steps = _curve(cell)
    facts = page_facts(cell) | {"curve": steps, "shared": conversations.shared, "left_out": conversations.left_out}
    raised, plans = raised_section(cell), plans_section(cell)
    facts["problems"] = problem_facts(cell)
    slots = {
        "notes": parts_html(notes(cell)),
        "gauge": svg(gauge(cell.summary)),
        "curve": curve,
        "problems": _problems(cell) if facts["problems"] else "",
        "plans": section_html(plans) if plans.parts else "",
        "raised": section_html(raised) if raised.parts else "",
        "metrics": parts_html([metrics_table(cell)]),
        "settings": parts_html(settings_section(cell).parts),
    }
    shown = _SLOT.sub(lambda slot: slots[slot[1]], _asset("launch.html"))
    body = f'{shown}<script type="application/json" id="facts">{as_json(facts)}</script>'
    script = asset("dom.js") + asset("figure.js") + "".join(map(_asset, _SCRIPTS))
    return page(f"{cell.title} – {cell.model}", body, script=script, data=blocks)


def _curve(cell: CellRecord) -> tuple[str, dict[str, Any] | None]:
    """The tokens to success as HTML, and what a slider along it says."""
    found = tokens_curve(cell)
    if found is None:
        unknown = cell.summary.rate.unknown
        said = f"Of {counted(unknown, 'run')} nobody knows whether they passed." if unknown else "No run was graded."
        return f'<p class="muted">{said}</p>', None
    figure, steps = found
    return f"{svg(figure)}<figcaption>{escaped(caption(cell.summary))}</figcaption>", steps


def _problems(cell: CellRecord) -> str:
    """The plots of a set and the place of its table."""
    return _asset("problems.html").replace("{{plots}}", parts_html(problem_plots(cell)))


def sweep_page(results: Results) -> str:
    """The page of a sweep: a table of its cells, each with a link to its own page. Needs no script."""
    document = sweep_document(results, links=True)
    landscape = '<p><a href="landscape.html">Landscape</a></p>' if (results.folder / "landscape.html").is_file() else ""
    return page(document[0].title, f"<main>{as_html(document)}{landscape}</main>")


@cache
def _asset(name: str) -> str:
    return resources.files("evalkit.report").joinpath("assets", name).read_text(encoding="utf-8")
