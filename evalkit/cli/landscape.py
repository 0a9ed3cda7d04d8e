"""`python -m evalkit landscape <sweep dir>`: compute the landscape of a sweep again from its directory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from evalkit.cli.parser import SWEEP, VerbParser
from evalkit.config.saved import launched_from
from evalkit.landscape.rebuild import rebuild
from evalkit.util.text import fitted


def main(argv: Sequence[str]) -> int:
    """The verb. Raises `UserError` for a directory that is not a sweep."""
    parser = VerbParser("landscape", "Compute the landscape of a sweep again from its directory.", f"landscape {SWEEP}")
    parser.takes_directories(what="a sweep")
    folder: Path = parser.parse(argv).folder
    with launched_from(folder) as place:
        landscape = rebuild(place)
    for line in (*landscape.lines, f"Landscape: {folder / 'landscape.html'}"):
        sys.stdout.write(fitted(line, sys.stdout) + "\n")
    return 0
