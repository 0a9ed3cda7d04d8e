"""`python -m evalkit report DIR…`: write report.md and report.html into output directories."""

from __future__ import annotations

import sys
from argparse import Namespace

from evalkit.cli.parser import DIR, VerbParser
from evalkit.report import write
from evalkit.results.reading import Results, load
from evalkit.util.text import counted


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser("report", "Write report.md and report.html into output directories.", f"report {DIR}")
    verb.takes_directories("+")
    verb.add_argument("--times", action="store_true", help="show durations, which differ between equal launches")
    return verb


def run(options: Namespace) -> int:
    """Write the pages of every directory. Raises `UserError` for one that cannot be read."""
    for folder in options.folder:
        results = load(folder)
        for cell in results.cells if results.is_sweep else ():
            write(cell.folder, times=options.times)
        path = write(folder, times=options.times)
        sys.stdout.write(f"{path}{_left_out(results)}\n")
    return 0


def _left_out(results: Results) -> str:
    if not results.unfinished:
        return ""
    return (
        f" (without {counted(len(results.unfinished), 'unfinished cell')}: "
        f"`python -m evalkit resume {results.folder}` finishes them)"
    )
