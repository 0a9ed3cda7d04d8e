"""The report of a sweep as a document: a row for every cell, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from evalkit.display.document import Cell, Note, Part, Section, Table, Words
from evalkit.display.formatting import sweep_advice, unknown_cells
from evalkit.display.rates import bare_rate, range_text
from evalkit.report.launch import DECIDED, SIMULATED
from evalkit.report.models import model_sections
from evalkit.results.reading import CellRecord, Results
from evalkit.sampling.provenance import sweep_sentence
from evalkit.stats.intervals import Interval
from evalkit.util.text import counted, short_names


def sweep_document(results: Results, *, links: bool = False) -> list[Section]:
    """A section about cells, and where several models tried one set of problems, another about them.

    `links`: each cell with one to its own page, for a page.
    """
    title = f"{results.cells[0].title}: {counted(len(results.cells), 'cell')}"
    header = [*(["Report"] if links else []), *short_names(results.knobs), *_COLUMNS]
    rows = tuple(_row(results, cell, links=links) for cell in results.cells)
    cells = Section(title, (*_notes(results), Table(tuple(header), rows), *_said(results)))
    return [cells, *model_sections(results.cells, results.knobs)]


_COLUMNS = ("Runs", "Pass rate", "Interval", "Verdict", "Mean tokens", "Errors")


def _row(results: Results, cell: CellRecord, *, links: bool) -> tuple[Cell, ...]:
    summary = cell.summary
    link = quote(cell.folder.relative_to(results.folder).as_posix()) + "/report.html"
    return (
        *([Words("open", link=link)] if links else []),
        *(cell.knobs.get(name, "") for name in results.knobs),
        str(summary.total),
        bare_rate(summary.rate),
        range_text(summary.rate.interval if summary.rate.runs else Interval(0.0, 1.0)),
        Words(str(summary.verdict), DECIDED.get(summary.verdict.decision, "failed")),
        "–" if summary.mean_tokens is None else f"{summary.mean_tokens:,.0f}",
        str(summary.errors),
    )


def _notes(results: Results) -> Iterator[Part]:
    if all(cell.simulated for cell in results.cells):
        yield SIMULATED
    if results.unfinished:
        yield Note("Unfinished", f"{counted(len(results.unfinished), 'cell')} without results.")


def _said(results: Results) -> Iterator[Part]:
    yield from filter(
        None, [sweep_sentence([(cell.rollout_set, cell.summary.total, cell.summary.reused) for cell in results.cells])]
    )
    summaries = [cell.summary for cell in results.cells]
    yield from filter(None, (*unknown_cells(summaries), sweep_advice(summaries)))
