"""`python -m evalkit diff A B [C …]`: compare settings and results, and test the difference."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from evalkit.cli.parser import DIR, VerbParser, directory
from evalkit.diff.compare import LaunchDiff, SweepDiff, compare
from evalkit.results.reading import load


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser(
        "diff",
        "Compare launches, or sweeps cell by cell. The others are compared with the first.",
        f"diff {DIR} {DIR[:-4]}cd34",
        "Exit status: 0 the same, 1 different, 2 trouble, 130 interrupted.",
    )
    verb.add_argument("folder", type=directory, metavar="A", help="output directory of a launch or a sweep")
    verb.add_argument("others", type=directory, nargs="+", metavar="B", help="one or more to compare with it")
    verb.add_argument("--format", choices=("text", "markdown", "json", "html"), default="text")
    verb.add_argument("--no-pager", action="store_true", help="do not use a pager")
    return verb


def run(options: Namespace) -> int:
    """Exit status like that of `diff`: 0 the same, 1 different, 2 trouble."""
    first, *others = map(load, (options.folder, *options.others))
    diffs = [compare(first, other) for other in others]
    _write(diffs, options.format, pager=not options.no_pager)
    return 1 if any(diff.differ for diff in diffs) else 0


def _write(diffs: Sequence[LaunchDiff | SweepDiff], form: str, *, pager: bool) -> None:
    from evalkit.diff import formats  # what is printed is loaded once there is something to print
    from evalkit.diff.document import tell
    from evalkit.display.pager import present

    stories = [tell(diff) for diff in diffs]
    if form == "text":
        present(formats.terminal([section for story in stories for section in story]), sys.stdout, pager=pager)
    elif form == "markdown":
        sys.stdout.write("\n".join(formats.markdown(story) for story in stories))
    elif form == "html":
        sys.stdout.write(formats.page(stories))
    else:
        sys.stdout.write(formats.as_json(diffs))
