"""`python -m evalkit landscape <sweep dir>`: compute the landscape of a sweep again from its directory."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from evalkit.cli.parser import SWEEP, VerbParser
from evalkit.config.saved import launched_from
from evalkit.landscape.rebuild import rebuild
from evalkit.util.text import fitted


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser("landscape", "Compute the landscape of a sweep again from its directory.", f"landscape {SWEEP}")
    verb.takes_directories(what="a sweep")
    return verb


def run(options: Namespace) -> int:
    """Rebuild it. Raises `UserError` for a directory that is not a sweep."""
    folder: Path = options.folder
    with launched_from(folder) as place:
        landscape = rebuild(place)
    for line in (*landscape.lines, f"Landscape: {folder / 'landscape.html'}"):
        sys.stdout.write(fitted(line, sys.stdout) + "\n")
    return 0
