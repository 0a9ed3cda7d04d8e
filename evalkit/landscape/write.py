"""Writes the four landscape files into a sweep's directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.engine.cells import CellResult
from evalkit.landscape.files import as_csv, as_json
from evalkit.landscape.knobs import Entry
from evalkit.landscape.landscape import Landscape
from evalkit.landscape.page import as_html
from evalkit.landscape.picture import as_svg
from evalkit.landscape.survey import survey
from evalkit.util.files import write_atomically


def write_landscape(folder: Path, results: Sequence[CellResult]) -> Landscape:
    """Analyse the finished cells of a sweep and write landscape.csv, .json, .svg and .html into `folder`."""
    landscape = survey([Entry.of(result) for result in results])
    write(folder, landscape)
    return landscape


def write(folder: Path, landscape: Landscape) -> None:
    """Write the files of a landscape; the JSON last, so that it is there only with the others."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "landscape.csv", as_csv(landscape))
    write_atomically(folder / "landscape.svg", as_svg(landscape))
    write_atomically(folder / "landscape.html", as_html(landscape))
    write_atomically(folder / "landscape.json", as_json(landscape))
