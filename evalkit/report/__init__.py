"""`report.md` and `report.html` of an output directory: what is pasted into reviews, and what is read in a browser.

Both are facts: written from the other files of the directory alone, without times, so that equal launches have equal
reports. `python -m evalkit report --times` adds durations.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from evalkit.display.markdown import markdown
from evalkit.report.launch import launch_document
from evalkit.report.matrix import FILE, ModelsFile, matrices
from evalkit.report.page import launch_page, sweep_page
from evalkit.report.sweep import sweep_document
from evalkit.results.reading import CellRecord, load
from evalkit.util.files import write_atomically

__all__ = ["write"]


def write(folder: Path, *, times: bool = False) -> Path:
    """Write `report.md` and `report.html` into an output directory, of a launch or of a sweep; the page's path.

    Of a sweep of models over a set of problems also `models.json`.

    `times` adds durations, which makes the files differ between equal launches. Raises `UserError` for a directory
    that cannot be read.
    """
    results = load(folder)
    if results.is_sweep:
        words, html = markdown(sweep_document(results)), sweep_page(results)
        if found := tuple(matrices(results.cells, results.knobs)):
            facts = ModelsFile(matrices=found).to_dict()
            write_atomically(folder / FILE, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    else:
        cell = results.cells[0] if times else _without_times(results.cells[0])
        words, html = markdown(launch_document(cell)), launch_page(cell)
    write_atomically(folder / "report.md", words)
    write_atomically(folder / "report.html", html)
    return folder / "report.html"


def _without_times(cell: CellRecord) -> CellRecord:
    runs = tuple(run.replace(seconds=None) for run in cell.runs)
    return replace(cell, runs=runs, summary=replace(cell.summary, seconds=()))
