"""Recorded rollouts graded again: smaller limits, other tolerances, a better grader. Needs no model and no key."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.config.saved import read_config, write_config
from evalkit.config.schema import Config
from evalkit.grading.procedure import Graded, attempt_of, grade
from evalkit.model.anthropic.prices import cost_usd
from evalkit.results.early_stopping import planned, watch
from evalkit.results.reading import CellRecord, RunRecord
from evalkit.results.runs import Run
from evalkit.results.stopped_summary import adaptively_tried, conclude, cut_short, still_cut_short, was_cut_short
from evalkit.results.summary import Summary, summarize
from evalkit.results.writing import write_cell
from evalkit.rollout import artifacts
from evalkit.rollout.limits import clip, from_config
from evalkit.rollout.record import Ending, Rollout
from evalkit.sampling.keys import TaskFiles, grader_digest, grader_versions
from evalkit.sampling.problem_set import TRIES, ProblemSet, problem_set
from evalkit.sandbox.protocol import Sandbox
from evalkit.stats.verdict import Band
from evalkit.task import author_code
from evalkit.task.grade import Measurement
from evalkit.task.optional_parts import needs_submission_of
from evalkit.task.problem import Problem
from evalkit.task.protocol import Spec, Task
from evalkit.util.errors import TaskError
from evalkit.util.versions import versions


@dataclass(frozen=True)
class Regraded:
    """One launch, graded again."""

    before: CellRecord
    after: tuple[Run, ...]
    folder: Path
    """The new output directory."""

    @property
    def changed(self) -> list[tuple[RunRecord, Run]]:
        """Runs whose verdict or message is another one now."""
        old = {run.number: run for run in self.before.runs}
        pairs = [(old[run.number], run) for run in self.after]
        return [(one, other) for one, other in pairs if (one.outcome, one.message) != (other.outcome, other.message)]

    @property
    def complete(self) -> bool:
        """Whether every run that is not an error of the provider has a grade."""
        return all(run.grade or run.rollout.ending in (Ending.ERROR, Ending.UNKNOWN) for run in self.after)


async def regrade(launch: CellRecord, task: Task, sandbox: Sandbox, *, config: Config | None = None) -> list[Run]:
    """Grade the rollouts of a launch with `task`, under `config` (default: the launch's own).

    A recorded measurement is used where neither the grader's code nor a knob that it can see has changed; else the
    submission is measured again. A grader that fails makes its run an error, like in a launch.
    """
    config = config or read_config(launch.folder)
    problems = problems_tried(launch, config, task)
    known = _same_measuring(launch, config, task, problems)
    limits = from_config(config.limits)
    runs = []
    for record in kept(launch, config):
        rollout, problem = clip(record.rollout, limits), problems.problem(record.number)
        same = known and artifacts.mark(rollout) == artifacts.mark(record.rollout)  # smaller limits leave other files
        runs.append(await _grade(record, rollout, task, problem, sandbox, config, record.measurement if same else None))
    return runs


def problems_tried(launch: CellRecord, config: Config, task: Task) -> ProblemSet:
    """The problems of a launch as they are now, in the places that they had then. Raises `UserError` if one is gone."""
    ids = {run.number // TRIES: run.problem for run in launch.runs if run.problem is not None}
    return problem_set(config, task).recorded(ids)


def kept(launch: CellRecord, config: Config) -> Sequence[RunRecord]:
    """The runs that are graded again: all, or the first tries at each problem where `runs.count` was changed."""
    if not _fewer_tries(launch, config):
        return launch.runs
    return [run for run in launch.runs if (run.attempt or run.number) <= config.runs.count]


def _fewer_tries(launch: CellRecord, config: Config) -> bool:
    return config.runs.count != read_config(launch.folder).runs.count


def _same_measuring(launch: CellRecord, config: Config, task: Task, problems: ProblemSet) -> bool:
    def seen(node: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in node.items() if name not in task.graded_by}

    files, about = TaskFiles(), launch.manifest
    same_code = about["digests"]["grader"] == grader_digest(config, task, files)[:16]
    now = grader_versions(config, task, files)
    same_code = same_code and all(about["versions"].get(name) == version for name, version in now.items())
    same_rows = about["digests"].get("rows", "") == problems.rows_digest(run.number for run in launch.runs)
    before = read_config(launch.folder)
    where = [(one.sandbox.provider, one.sandbox.options) for one in (before, config)]
    return same_code and same_rows and where[0] == where[1] and seen(before.task) == seen(config.task)


async def _grade(
    record: RunRecord,
    rollout: Rollout,
    task: Task,
    problem: Problem,
    sandbox: Sandbox,
    config: Config,
    known: Measurement | None,
) -> Run:
    limit_s = author_code.limit_of(config)

    def spec() -> Awaitable[Spec]:
        return author_code.apart("the task's spec", lambda: author_code.spec_for(task, problem), limit_s)

    async def measure(answer: Any) -> Measurement:
        if known is not None:
            return known
        asked = await spec()
        return await author_code.measure(task, attempt_of(rollout, asked), asked, sandbox, limit_s=limit_s)

    ended = replace(rollout, traceback=record.traceback)  # which only the line of the run has kept
    try:
        needed = not rollout.patterns or needs_submission_of(await spec())
        graded = await grade(task, ended, measure, from_config(config.limits), needs_submission=needed, limit_s=limit_s)
    except TaskError as error:
        graded = Graded.failed(error)
    run = Run.of(rollout, graded, _cost(record, rollout, config))
    return replace(run, problem=record.problem, attempt=record.attempt)


def _cost(record: RunRecord, rollout: Rollout, config: Config) -> float | None:
    """What was paid; of a rollout that is cut shorter now, what it would have cost."""
    same = (rollout.output_tokens, rollout.steps) == (record.output_tokens, record.steps)
    if same or record.cost_usd is None:
        return record.cost_usd
    return cost_usd(config.model.id, [turn.charged for turn in rollout.turns], config.model.kind)


def write_regraded(
    cell: CellRecord, folder: Path, config: Config, task: Task, runs: Sequence[Run], overrides: Sequence[str]
) -> None:
    """A complete output directory for the new verdicts."""
    summary = _summary(cell, config, task, runs)
    files = TaskFiles()
    rows = problems_tried(cell, config, task).rows_digest(run.number for run in runs)
    digests = {**cell.manifest["digests"], "grader": grader_digest(config, task, files)[:16]}
    if rows:
        digests["rows"] = rows
    about = {
        **cell.manifest,
        "versions": {**versions(), **grader_versions(config, task, files)},
        "digests": digests,
        "limits": asdict(from_config(config.limits)),
        "regraded": {"from": cell.folder.name, "overrides": list(overrides)},
    }
    about["rollouts"] = {
        **cell.manifest["rollouts"],
        "reused": len(summary.reused.runs),
        "reused_from": summary.reused.to_dict(),
    }
    about.pop("format", None)
    known = dict(override.partition("=")[::2] for override in (*cell.overrides, *overrides))
    write_config(folder, config, known)
    if (launched := cell.folder / ".hydra" / "hydra.yaml").is_file():
        shutil.copyfile(launched, folder / ".hydra" / "hydra.yaml")
    write_cell(folder, runs, summary, about)


def _summary(cell: CellRecord, config: Config, task: Task, runs: Sequence[Run]) -> Summary:
    """The analysis of the new verdicts; that of the sequence where the launch stopped when it was decided."""
    summary = summarize(
        runs,
        band=Band(config.band.low, config.band.high),
        confidence=config.band.confidence,
        categories=task.categories,
        batches=min(config.runs.batches, len(runs)),
        about=config.band.about,
        group=config.band.group,
        seconds={run.number: run.seconds for run in cell.runs if run.seconds is not None},
        reused=cell.summary.reused,
    )
    problems = problems_tried(cell, config, task)
    if config.runs.until == "selected":
        return adaptively_tried(summary, ended_early=was_cut_short(cell.summary))
    if watched := watch(config, problems):
        for run in runs:
            watched.take(run)
        concluded = conclude(summary, runs, watched, planned(config, several=problems.several))
        if concluded.stopping and (before := cell.summary.stopping):  # problems that were never tried are not here
            return replace(concluded, stopping=replace(concluded.stopping, planned=before.planned))
        return concluded
    if _fewer_tries(cell, config):
        return cut_short(summary, problems.size(config.runs.count))
    return still_cut_short(summary, cell.summary)
