"""The same rollouts under the grader of today: what separates a changed grader from a changed model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalkit.config.saved import launched_from, read_config
from evalkit.config.schema import Config
from evalkit.engine.regrading import problems_tried, regrade
from evalkit.results.failures import failure_label
from evalkit.results.reading import CellRecord, RunRecord
from evalkit.results.runs import Outcome, Run
from evalkit.sampling.keys import grader_digest, question
from evalkit.sampling.problem_set import first_spec
from evalkit.sampling.resources import Resources
from evalkit.sampling.store import same_question
from evalkit.task.protocol import Task
from evalkit.task.registry import load_task
from evalkit.util import signals
from evalkit.util.errors import SandboxError, UserError


def current(cell: CellRecord) -> str:
    """Digest of the grader that the cell's task has now. `UserError` if the task cannot be loaded."""
    with launched_from(cell.folder) as folder:
        config = read_config(folder)
        return grader_digest(config, load_task(config.task))[:16]


def regraded(cell: CellRecord) -> CellRecord:
    """The cell with its kept rollouts measured and graded again. Raises `UserError` where that is impossible."""
    assert all(record.rollout for record in cell.runs)  # read here: their paths are relative to where we are
    with launched_from(cell.folder) as folder:
        again = _regraded(replace(cell, folder=folder), read_config(folder))
    return replace(again, folder=cell.folder)


def _regraded(cell: CellRecord, config: Config) -> CellRecord:
    task = load_task(config.task)
    problems = problems_tried(cell, config, task)
    for record in cell.runs:
        if not same_question(record.rollout, question(task, problems, record.number)):
            raise UserError(f"the prompt, tools or files of task {cell.task} are not those of {cell.folder} any more")
    try:
        runs = signals.run(_regrade(cell, config, task))
    except SandboxError as error:
        raise UserError(f"{cell.folder} cannot be graded again: {error}") from error
    return replace(cell, runs=tuple(_records(cell, runs, task)))


async def _regrade(cell: CellRecord, config: Config, task: Task) -> list[Run]:
    resources = Resources()
    try:
        sandbox = await resources.sandbox(config, first_spec(config, task))
        await sandbox.ready()
        return await regrade(cell, task, sandbox, config=config)
    finally:
        await resources.close()


def _records(cell: CellRecord, runs: Sequence[Run], task: Task) -> list[RunRecord]:
    """The new verdicts on the facts that do not change."""
    known = {record.number: record for record in cell.runs}
    return [
        known[run.number].replace(
            outcome=run.outcome,
            category=run.grade.category if run.grade else None,
            label=failure_label(run, task.categories) if run.outcome is Outcome.FAILED else None,
            message=run.message,
            score=run.grade.score if run.grade else None,
            checks=run.grade.checks if run.grade else (),
            measurement=run.measurement,
        )
        for run in runs
    ]
