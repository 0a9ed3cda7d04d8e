"""`python -m evalkit audit [task=…] [overrides]`: check a task's grader before spending tokens.

Runs every known solution through the task's real tools, grades it as a run is graded, and compares the grade with its
label. Needs no key. Exit status: 0 clean, 1 something is wrong with the task, 2 bad input.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.parser import VerbParser
from evalkit.config.schema import Config
from evalkit.util import signals
from evalkit.util.errors import TaskError, UserError
from evalkit.util.files import write_atomically
from evalkit.util.text import duration, fitted, for_encoding

if TYPE_CHECKING:  # `audit --help` needs no audits
    from evalkit.audit.run import Audit


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser(
        "audit",
        "Check a task's grader. Without task=… every task is audited; overrides are those of a launch.",
        "audit task=paged_attention task.tolerances.output=0.1",
        "Exit status: 0 clean, 1 something is wrong with the task, 2 bad input, 130 interrupted.",
        intermixed=True,
    )
    verb.add_argument("overrides", nargs="*", metavar="key=value", help="task=… and any knob")
    verb.add_argument("--seeds", type=int, help="problems to try: those of runs 1 to N (default 50; a whole set)")
    verb.add_argument("--thorough", action="store_true", help="grade everything on every problem as a run would")
    verb.add_argument("--quick", action="store_true", help="leave out mutants and generic answers")
    verb.add_argument("--no-mutants", action="store_true", help="leave out mutants alone")
    verb.add_argument(
        "--known", action="store_true", help="exit with 0 if the findings are exactly those of known_findings.yaml"
    )
    verb.add_argument("--out", default="outputs/audit", metavar="DIR", help="where reports go (outputs/audit)")
    return verb


def run(options: Namespace) -> int:
    """Audit every task that is meant. Raises `UserError` for bad input."""
    if options.seeds is not None and options.seeds < 1:
        raise UserError(f"--seeds {options.seeds} is out of range: use a whole number from 1 up")
    for word in options.overrides:
        if word.isidentifier():
            raise UserError(f"{word!r} is not an override: write task={word}")
    return signals.run(_audit_all(_configs(options.overrides), options))


async def _audit_all(configs: Sequence[tuple[str, Config]], options: Namespace) -> int:
    """One after the other, in as few sandboxes as they need."""
    from evalkit.audit.run import audit  # as above
    from evalkit.sampling.resources import Resources

    status, resources = 0, Resources()
    try:
        for name, config in configs:
            began = time.monotonic()
            try:
                found = await audit(
                    config,
                    name,
                    resources,
                    seeds=options.seeds,
                    thorough=options.thorough,
                    quick=options.quick,
                    mutants=not options.no_mutants,
                    tell=_announce,
                )
            except TaskError as error:  # in what the audit cannot do without; the other tasks have their turn
                sys.stderr.write(f"{name}: {error}\n{error.traceback}\n")
                status = 1
                continue
            except UserError as error:  # such as a package that this task needs; the others have their turn
                if len(configs) == 1:
                    raise
                sys.stderr.write(f"{name}: {error}\n")
                status = 2
                continue
            folder = _write(found, Path(options.out) / name)
            _say(found, folder, time.monotonic() - began)
            status = max(status, _status(found, known=options.known))
    finally:
        await resources.close()
    return status


def _announce(said: str) -> None:
    """Print it at once: what follows may cost money."""
    sys.stdout.write(for_encoding(f"{fitted(said, sys.stdout)}\n\n", sys.stdout.encoding))
    sys.stdout.flush()


def _configs(overrides: Sequence[str]) -> list[tuple[str, Config]]:
    """The config of every task that is to be audited, checked; nothing has been done yet."""
    from evalkit.cli.help import choices
    from evalkit.launch.entry import compose

    task = next((word for word in overrides if word.startswith("task=")), None)
    if task:
        return [(task.partition("=")[2], compose(overrides, "oracle"))]
    return [(name, compose([f"task={name}", *overrides], "oracle")) for name, _ in choices("task")]


def _write(audit: Audit, folder: Path) -> Path:
    from evalkit.audit import report
    from evalkit.audit.picture import as_svg
    from evalkit.display.markdown import markdown

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}): set --out <folder>") from None
    write_atomically(folder / "audit.md", markdown(report.document(audit)))
    write_atomically(folder / "audit.json", report.facts(audit))
    if audit.tolerances and audit.tolerances.rows:
        picture = as_svg(audit.tolerances, f"Tolerances of {audit.config}")
        write_atomically(folder / "tolerances.svg", picture)
    return folder


def _say(audit: Audit, folder: Path, seconds: float) -> None:
    from evalkit.audit.report import overview
    from evalkit.display.pager import present
    from evalkit.display.terminal import terminal

    present(terminal(overview(audit)), sys.stdout, pager=False)
    said = f"{folder / 'audit.md'}, tolerances.svg, audit.json; took {duration(seconds)}\n\n"
    sys.stdout.write(for_encoding(fitted(said, sys.stdout), sys.stdout.encoding))
    sys.stdout.flush()


def _status(audit: Audit, *, known: bool) -> int:
    if not known:
        return int(bool(audit.findings))
    stale = audit.tried.everything and audit.untried  # a name that nothing carries any more
    return int(bool(audit.new or audit.gone or stale))
