"""Pipeline after the engine: reports, the landscape of a sweep and its confirmation, the mistakes of failed runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from evalkit import report
from evalkit.audit.diagnosis import after_launch
from evalkit.display import log as logs
from evalkit.display.formatting import sweep_advice
from evalkit.display.view import View
from evalkit.engine.cells import Cell, CellResult
from evalkit.engine.engine import Engine
from evalkit.landscape import confirm, write_landscape
from evalkit.launch.preflight import Prepared
from evalkit.results.early_stopping import most_tries
from evalkit.sampling.resources import Resources
from evalkit.select.choose import FILE, choose, write
from evalkit.select.document import tell
from evalkit.select.problems import read_problems
from evalkit.stats.selection_policy import spared
from evalkit.util import signals
from evalkit.util.errors import StorageError, TaskError
from evalkit.util.files import kept_in

log = logging.getLogger("evalkit")


def run_cells(cells: Sequence[Cell], view: View, prepared: Prepared | None = None) -> int:
    """Run all cells to the end and write their directories. Exit status: 0 if everything was done, else 1."""
    prepared = prepared or Prepared()
    try:
        results = signals.run(execute(cells, view, prepared.resources), prepared.runner)
    finally:
        prepared.close()
    return 0 if all(result.done for result in results) else 1


async def execute(cells: Sequence[Cell], view: View, resources: Resources | None = None) -> list[CellResult]:
    """The same on a running event loop, with the results; that of a cell that confirms a sweep comes last.

    Resources that are given stay open. Raises `StorageError` where a rollout could not be stored.
    """
    own = resources or Resources()
    try:
        engine = Engine(view, own, report=report.write)
        results = await engine.run(cells)
        if engine.unwritten:
            pass  # nothing can be built on results that are not there
        elif len(results) > 1:
            with kept_in(results[0].cell.folder.parent, "hydra.sweep.dir"):
                results += await _map(engine, results)
        elif results[0].cell.config.runs.until == "selected":
            _choose(engine, results[0])
        elif not results[0].source.model.simulated:  # what a script got wrong is known
            await _name_mistakes(engine, results[0])
        if engine.failed:
            raise StorageError(engine.failed)
        return results
    finally:
        view.end()
        if resources is None:
            await own.close()


async def _map(engine: Engine, results: Sequence[CellResult]) -> list[CellResult]:
    """Write the landscape of a sweep, and sample its recommended cell afresh where that was asked for."""
    confirming: list[CellResult] = []
    folder = results[0].cell.folder.parent
    try:
        landscape = write_landscape(folder, results)
    except TaskError as error:  # the cells are on disk, each with its own verdicts
        engine.view.result(f"The landscape could not be drawn: {error}")
        with logs.cell_log(results[0].cell.folder):
            logs.traceback(f"The landscape could not be drawn: {error}", error.traceback)
        return []
    if said := sweep_advice([result.summary for result in results if result.summary]):
        engine.view.result(said)
    for line in landscape.lines:
        engine.view.result(line)
    if any(result.cell.config.confirm for result in results):
        confirming = await confirm(engine, folder, landscape)
    engine.view.result(f"Landscape: {folder / 'landscape.html'}")
    if (folder / "multirun.yaml").is_file():
        report.write(folder)
    return confirming


def _choose(engine: Engine, result: CellResult) -> None:
    """Choose among the problems that were tried, by the rule that gave them their tries, and say what that saved."""
    config, folder = result.cell.config, result.cell.folder
    tried = read_problems(folder)
    with_level = None if config.select.rule == "signal" else config.select.level
    choice = choose(tried, config.select.rule, level=with_level, count=config.select.count)
    write(choice)
    for line in tell(choice, most_tries(config)):
        engine.view.result(line)
    made, uniform = spared(tried.counts)
    engine.view.result(
        f"Tries: {made:,}; as many at every problem as at the one with most would have been {uniform:,}."
    )
    engine.view.result(f"Selection: {folder / FILE}")


async def _name_mistakes(engine: Engine, result: CellResult) -> None:
    """Say in the report of a launch which known mistakes were made, if that is cheap."""
    try:
        said = await after_launch(result.cell.folder, result.cell.config, result.task, result.source.sandbox)
    except Exception as error:  # the author's evidence must not fail a launch whose results are on disk
        with logs.cell_log(result.cell.folder):
            log.exception("The mistakes of the failed runs could not be named")
        said = f"The mistakes of the failed runs could not be named: {error}"
    if said:
        engine.view.note(said)
