"""`python -m evalkit diagnose DIR…`: name the mistake that each failed run of a launch made."""

from __future__ import annotations

import sys
from argparse import Namespace

from evalkit.audit.diagnosis import FILE, name_mistakes, reasons, warnings
from evalkit.audit.dictionary import Match
from evalkit.audit.labelled_solutions import solutions, task_folder
from evalkit.cli.parser import DIR, VerbParser
from evalkit.config.saved import launched_from, read_config
from evalkit.config.schema import Config
from evalkit.display.formatting import run_name
from evalkit.results.reading import CellRecord, load
from evalkit.sandbox import open_sandbox
from evalkit.task.protocol import Task
from evalkit.task.registry import load_task
from evalkit.util import signals
from evalkit.util.errors import UserError
from evalkit.util.text import fitted, plain


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser("diagnose", "Name the known mistake behind each failed run of a launch.", f"diagnose {DIR}")
    verb.takes_directories("+")
    return verb


def run(options: Namespace) -> int:
    """Name the mistakes of every directory. Raises `UserError` for one that cannot be read."""
    for given in options.folder:
        with launched_from(given) as folder:
            for cell in load(folder).cells:
                _diagnose_cell(cell)
    return 0


def _diagnose_cell(cell: CellRecord) -> None:
    config = read_config(cell.folder)
    task = load_task(config.task)
    if not solutions(task_folder(task)):
        raise UserError(f"Task {config.task['name']} has no solutions/: add known mistakes to {task_folder(task)}")
    matches = signals.run(_with_sandbox(cell, config, task))
    for run in cell.runs:
        if run.number in matches:
            match = matches[run.number]
            said = f"{run_name(run)}: {run.label}, {match.words}  {match.about}"
            sys.stdout.write(fitted(plain(said, one_line=True), sys.stdout) + "\n")
    found = reasons(cell.runs, matches)
    for reason, count in found.most_common():
        sys.stdout.write(f"{count:>5}  {plain(reason, one_line=True)}\n")
    if not found:
        sys.stdout.write("No run failed, so there are no mistakes to name.\n")
    for warning in warnings(found):
        sys.stdout.write(fitted(f"Warning: {plain(warning, one_line=True)}", sys.stdout) + "\n")
    sys.stdout.write(f"{cell.folder / FILE}\n")


async def _with_sandbox(cell: CellRecord, config: Config, task: Task) -> dict[int, Match]:
    async with open_sandbox(config.sandbox) as sandbox:
        await sandbox.ready()
        return await name_mistakes(cell, config, task, sandbox)
