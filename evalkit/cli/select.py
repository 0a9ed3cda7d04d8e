"""`python -m evalkit select DIR`: choose the problems of a launch that are worth training on."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from evalkit.cli.parser import DIR, VerbParser
from evalkit.select.choose import RULES, choose, write
from evalkit.select.problems import read_problems
from evalkit.stats.verdict import Band
from evalkit.util.errors import UserError
from evalkit.util.text import fitted


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser(
        "select",
        "Choose problems of a set by the tries at them, with a promise:\n"
        "  expected  in the band; few tries, problems taken as a sample\n"
        "  anytime   in the band; many tries, no assumption\n"
        "  signal    the N problems of which groups of tries have mixed outcomes most often",
        f"select {DIR} --rule expected --level 0.1",
    )
    verb.takes_directories(what="a launch over a set of problems")
    verb.add_argument("--rule", choices=RULES, default="expected", help="default: expected")
    verb.add_argument(
        "--level", type=float, help="share of chosen problems that may lie outside the band (default: 0.1)"
    )
    verb.add_argument("--count", type=int, metavar="N", help="how many problems --rule signal chooses")
    verb.add_argument("--group", type=int, metavar="G", help="tries of a training group (default: that of the launch)")
    verb.add_argument("--band", type=float, nargs=2, metavar=("LOW", "HIGH"), help="default: the band of the launch")
    return verb


def run(options: Namespace) -> int:
    """Choose, write `selection.jsonl` and print the document. Raises `UserError` for bad input."""
    choice = choose(
        read_problems(options.folder),
        options.rule,
        band=_band(options.band),
        level=options.level,
        count=options.count,
        group=options.group,
    )
    path = write(choice)
    from evalkit.select.document import tell  # what is printed is loaded once there is something to print

    for line in (*tell(choice), f"Selection: {path}"):
        sys.stdout.write(fitted(line, sys.stdout) + "\n")
    return 0


def _band(ends: Sequence[float] | None) -> Band | None:
    """Raise `UserError` for ends that are none of a band."""
    try:
        return None if ends is None else Band(*ends)
    except ValueError as error:
        raise UserError(f"--band: {error}") from error
