"""Rebuilds the landscape of a sweep from its cells' directories."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.config.saved import read_config
from evalkit.landscape.knobs import Entry
from evalkit.landscape.landscape import Landscape
from evalkit.landscape.survey import survey
from evalkit.landscape.write import write
from evalkit.results.early_stopping import planned
from evalkit.results.reading import CellRecord, RunRecord, load
from evalkit.results.runs import Run
from evalkit.sampling.keys import grader_digest
from evalkit.sampling.problem_set import problem_set
from evalkit.task.grade import Grade
from evalkit.task.registry import load_task
from evalkit.util.errors import UserError


def rebuild(folder: Path) -> Landscape:
    """Read the cells of a sweep and write its landscape files, without sampling or measuring anything.

    Raises `UserError` for a directory that is not a sweep of two or more finished cells.
    """
    results = load(folder)
    if not results.is_sweep or len(results.cells) < 2:
        raise UserError(f"{folder} is not a sweep with finished cells: a landscape needs two or more")
    landscape = survey([entry(cell, index) for index, cell in enumerate(results.cells)])
    landscape = replace(landscape, confirmation=_confirmed(folder))
    write(folder, landscape)
    return landscape


def _confirmed(folder: Path) -> dict[str, Any] | None:
    """The confirmation that an earlier landscape of this sweep has: it cost tokens and stays true."""
    try:
        facts = json.loads((folder / "landscape.json").read_text(encoding="utf-8"))
        found = facts["confirmation"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def entry(cell: CellRecord, index: int) -> Entry:
    """A cell from its directory. Raises `UserError` if its grader is not the one that graded it."""
    config = read_config(cell.folder)
    task = load_task(config.task)
    if cell.manifest["digests"]["grader"] != grader_digest(config, task)[:16]:
        raise UserError(f"The grader of task {cell.task} has changed since {cell.folder}: regrade the sweep first")
    stopped, problems = cell.summary.stopping, problem_set(config, task)
    return Entry(
        config=config,
        folder=cell.folder,
        overrides=dict(cell.knobs),
        index=index,
        task=task,
        limits=cell.limits,
        runs=[_run(record) for record in cell.runs],
        summary=cell.summary,
        asked=stopped.sampled if stopped else problems.size(planned(config, several=problems.several)),
        rollouts=cell.rollout_set,
        model=cell.model,
        simulated=cell.simulated,
    )


def _run(record: RunRecord) -> Run:
    grade = None
    if record.passed is not None:
        grade = Grade(record.passed, record.message, record.category, record.checks, record.score)
    error = "" if grade else record.message
    return Run(record.number, record.rollout, grade, record.measurement, record.cost_usd, error)
