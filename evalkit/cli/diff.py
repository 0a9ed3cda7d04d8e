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
    from evalkit.diff.document import tell  # what is printed is loaded once there is something to print
    from evalkit.diff.facts import as_json
    from evalkit.display.html import as_html, page
    from evalkit.display.markdown import markdown

    documents = [tell(diff) for diff in diffs]
    if form == "text":
        from evalkit.display.pager import present
        from evalkit.display.terminal import terminal

        present(terminal([section for document in documents for section in document]), sys.stdout, pager=pager)
    elif form == "markdown":
        sys.stdout.write("\n".join(markdown(document, 2) for document in documents))
    elif form == "html":
        sys.stdout.write(page("evalkit diff", f"<main>{''.join(map(as_html, documents))}</main>"))
    else:
        sys.stdout.write(as_json(diffs))
