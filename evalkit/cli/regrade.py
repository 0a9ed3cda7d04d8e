"""`python -m evalkit regrade <output dir> [overrides]`: judge again what is on disk, without a model or a key."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evalkit import report
from evalkit.cli.parser import DIR, VerbParser, directory, exists
from evalkit.config.model_settings import floor_of
from evalkit.config.saved import launched_from, read_config, write_config
from evalkit.config.schema import Config
from evalkit.display.formatting import MARKS, run_result
from evalkit.landscape.rebuild import rebuild
from evalkit.results.early_stopping import conclude, cut_short, planned, watch
from evalkit.results.reading import CellRecord, Results, RunRecord, load
from evalkit.results.runs import Outcome, Run, without_submission
from evalkit.results.summary import Summary, summarize
from evalkit.results.writing import versions, write_cell
from evalkit.rollout.limits import Limits, clip, from_config
from evalkit.rollout.record import Ending, Rollout
from evalkit.sampling.keys import TaskFiles, grader_digest, grader_versions, question, run_seed
from evalkit.sampling.store import same_question
from evalkit.sandbox.protocol import Sandbox
from evalkit.stats.comparisons import compare_paired
from evalkit.stats.verdict import Band
from evalkit.task import author_code
from evalkit.task.grade import Measurement
from evalkit.task.protocol import Task
from evalkit.task.registry import load_task
from evalkit.util import signals
from evalkit.util.errors import SandboxError, TaskError, UserError
from evalkit.util.text import counted, fitted, percent, plain

FREE = ("task", "limits", "band")
"""Groups whose knobs can be turned on rollouts that exist."""
FREE_KNOBS = ("runs.count", "runs.batches", "sandbox.level", "sandbox.allow_weak", "sandbox.pool", "verbose")


@dataclass(frozen=True)
class Regraded:
    """One launch, judged again."""

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
        """Whether every run that is no error of the provider has a grade."""
        return all(run.grade or run.rollout.ending in (Ending.ERROR, Ending.UNKNOWN) for run in self.after)


def main(argv: Sequence[str]) -> int:
    """The verb. Exit status 0, or 1 if the grader failed on a run. Raises `UserError` for bad input."""
    given, overrides, out = _arguments(argv)
    named = out or _free_name(given)
    target = named.resolve()
    with launched_from(given) as folder:
        regraded = _regrade_into(target, load(folder), overrides)
    for one in regraded:
        for line in describe(one):
            sys.stdout.write(fitted(line, sys.stdout) + "\n")
    sys.stdout.write(f"Output: {named}\n")
    return 0 if all(one.complete for one in regraded) else 1


def _regrade_into(target: Path, results: Results, overrides: Sequence[str]) -> list[Regraded]:
    """All cells of a directory, and what belongs to a sweep as a whole."""
    folder = results.folder
    pairs = [
        (cell, target / cell.folder.relative_to(folder) if results.is_sweep else target, overrides)
        for cell in results.cells
    ]
    regraded = signals.run(_regrade_all(pairs))
    if results.is_sweep:
        if (launched := folder / "multirun.yaml").is_file():
            shutil.copyfile(launched, target / "multirun.yaml")
        else:  # other sweepers write none, but name their own directory in every cell
            (target / "multirun.yaml").write_text("# A sweep that was graded again.\n", encoding="utf-8")
        if len(regraded) > 1:
            rebuild(target)
    return regraded


def _arguments(argv: Sequence[str]) -> tuple[Path, list[str], Path | None]:
    parser = VerbParser(
        "regrade",
        "Judge a launch or a sweep again, without a model: other tolerances, smaller limits, a better grader.",
        f"regrade {DIR} task.tolerances.answer=0.1",
        "Exit status: 0 done, 1 the grader failed on a run, 2 bad input, 130 interrupted.",
    )
    parser.add_argument("words", nargs="+", metavar="DIR [key=value …]", help="output directory, and knobs to turn")
    parser.add_argument("--out", type=directory, metavar="DIR", help="where to (default: beside it, -regraded)")
    options = parser.parse(argv, intermixed=True)
    overrides = [word for word in options.words if "=" in word and not exists(word)]
    folders = [word for word in options.words if word not in overrides]
    if len(folders) != 1:
        raise UserError(f"regrade takes one output directory: write for example `{parser.example}`")
    if options.out and options.out.exists():
        raise UserError(f"--out {options.out} exists: name a new folder")
    return directory(folders[0]), overrides, options.out


def _free_name(folder: Path) -> Path:
    """`<folder>-regraded`, or the first of `-regraded-2` … that does not exist."""
    folder = folder.resolve()
    names = (folder.with_name(f"{folder.name}-regraded{'' if n == 1 else f'-{n}'}") for n in range(1, 10_000))
    return next(name for name in names if not name.exists())


async def _regrade_all(pairs: Iterable[tuple[CellRecord, Path, Sequence[str]]]) -> list[Regraded]:
    """All launches with one sandbox. Everything is checked before anything is written."""
    from evalkit.sampling.resources import Workbench

    plans = [(cell, folder, _plan(cell, overrides), overrides) for cell, folder, overrides in pairs]
    bench, done = Workbench(), []
    try:
        for cell, folder, (config, task), overrides in plans:
            sandbox = await bench.sandbox(config, task.spec(run_seed(config.runs.seed, 1)))
            await sandbox.ready()
            runs = await regrade(cell, task, sandbox, config=config)
            write_regraded(cell, folder, config, task, runs, overrides)
            done.append(Regraded(cell, tuple(runs), folder))
    finally:
        await bench.close()
    return done


def _plan(cell: CellRecord, overrides: Sequence[str]) -> tuple[Config, Task]:
    """The new config and task. Raises `UserError` for an override that needs new rollouts, naming it."""
    for override in overrides:
        _refuse(override.partition("=")[0])
    config = read_config(cell.folder, overrides)
    limits = from_config(config.limits)
    if not cell.limits.dominates(limits):
        knob = _wider(cell.limits, limits)
        raise UserError(
            f"{knob}={getattr(limits, knob.removeprefix('limits.'))} is beyond what was sampled "
            f"({getattr(cell.limits, knob.removeprefix('limits.'))}): launch with it, which samples new rollouts"
        )
    if floor_of(config.model.params) > 1 and not cell.limits.same_rollouts(limits):
        raise UserError(
            "limits cannot be turned on rollouts with a fixed thinking budget, whose requests depend on what is left: "
            "launch with them, which samples new rollouts"
        )
    if config.runs.count > len(cell.runs) and any(override.startswith("runs.count=") for override in overrides):
        raise UserError(f"runs.count={config.runs.count} needs new rollouts: this launch has {len(cell.runs)}")
    task = load_task(config.task)
    _check_questions(cell, config, task, overrides)
    return config, task


def _refuse(knob: str) -> None:
    group, _, rest = knob.partition(".")
    if not rest and group in ("task", "model", "limits", "sandbox"):
        raise UserError(f"{knob}=… exchanges a whole group: regrade turns single knobs, such as {group}.<name>=…")
    if group not in FREE and knob not in FREE_KNOBS:
        raise UserError(f"{knob} cannot be turned on rollouts that exist: launch with it, which samples new ones")


def _wider(old: Limits, new: Limits) -> str:
    """The first limit that the old ones do not cover."""
    for name in ("max_tokens", "max_tokens_per_turn", "max_steps", "timeout_s", "tool_timeout_s"):
        if not old.dominates(replace(old, **{name: getattr(new, name)})):
            return f"limits.{name}"
    raise AssertionError("some limit is wider")


def _check_questions(cell: CellRecord, config: Config, task: Task, overrides: Sequence[str]) -> None:
    """Raise `UserError` where the model would now be asked something else, or a turned knob is felt by its tools."""
    turned = [override.partition("=")[0] for override in overrides if override.startswith("task.")]
    seen = [knob for knob in turned if knob.split(".")[1] not in task.judged_by]
    for run in cell.runs[: config.runs.count]:
        would = question(config, task, run.number)
        if not same_question(run.rollout, would) or (seen and run.rollout.set_up != would.set_up):
            if seen:
                raise UserError(
                    f"{seen[0]} changes what the model is asked or what its tools do: "
                    "launch with it, which samples new rollouts"
                )
            raise UserError(
                f"The prompt, tools or files of task {cell.task} are not those of {cell.folder} any more: launch again"
            )


async def regrade(launch: CellRecord, task: Task, sandbox: Sandbox, *, config: Config | None = None) -> list[Run]:
    """Judge the rollouts of a launch with `task`, under `config` (default: the launch's own).

    A recorded measurement is used where neither the grader's code nor a knob that it can see has changed; else the
    submission is measured again. A grader that fails makes its run an error, like in a launch.
    """
    config = config or read_config(launch.folder)
    known = _same_measuring(launch, config, task)
    limits = from_config(config.limits)
    runs = []
    for record in launch.runs[: config.runs.count]:
        rollout = clip(record.rollout, limits)
        runs.append(await _judge(record, rollout, task, sandbox, config, record.measurement if known else None))
    return runs


def _same_measuring(launch: CellRecord, config: Config, task: Task) -> bool:
    def seen(node: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in node.items() if name not in task.judged_by}

    files, about = TaskFiles(), launch.manifest
    same_code = about["digests"]["grader"] == grader_digest(config, task, files)[:16]
    now = grader_versions(config, task, files)
    same_code = same_code and all(about["versions"].get(name) == version for name, version in now.items())
    return same_code and seen(read_config(launch.folder).task) == seen(config.task)


async def _judge(
    record: RunRecord, rollout: Rollout, task: Task, sandbox: Sandbox, config: Config, known: Measurement | None
) -> Run:
    run = Run(record.number, rollout, None, cost_usd=_cost(record, rollout, config))
    if rollout.ending in (Ending.ERROR, Ending.UNKNOWN):
        return replace(run, error=rollout.detail, traceback=record.traceback)
    if rollout.submission is None:
        return replace(run, grade=without_submission(rollout, config.limits.max_tokens, config.limits.max_steps))
    try:
        measurement, limit_s = known, author_code.limit_of(config)
        if measurement is None:
            seed = run_seed(config.runs.seed, record.number)
            spec = await author_code.apart("the task's spec", lambda: author_code.spec_for(task, seed), limit_s)
            measurement = await author_code.measure(task, rollout.submission.answer, spec, sandbox, limit_s=limit_s)
        return replace(run, measurement=measurement, grade=await author_code.judge(task, measurement, limit_s=limit_s))
    except SandboxError as error:
        return replace(run, error=f"the grader's sandbox failed: {error}")
    except TaskError as error:  # an unfinished grader is what this verb is for: show its fault, judge the other runs
        return replace(run, error=str(error), traceback=error.traceback)


def _cost(record: RunRecord, rollout: Rollout, config: Config) -> float | None:
    """What was paid; of a rollout that is cut shorter now, what it would have cost."""
    from evalkit.model.anthropic.prices import cost_usd

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
    digests = {**cell.manifest["digests"], "grader": grader_digest(config, task, files)[:16]}
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
        "reused_from": summary.reused.facts(),
    }
    about.pop("format", None)
    known = dict(override.partition("=")[::2] for override in (*cell.overrides, *overrides))
    write_config(folder, config, known)
    if (launched := cell.folder / ".hydra" / "hydra.yaml").is_file():
        shutil.copyfile(launched, folder / ".hydra" / "hydra.yaml")
    write_cell(folder, runs, summary, about)
    report.write(folder)


def _summary(cell: CellRecord, config: Config, task: Task, runs: Sequence[Run]) -> Summary:
    """The analysis of the new verdicts; that of the sequence where the launch stopped when it was decided."""
    summary = summarize(
        runs,
        band=Band(config.band.low, config.band.high),
        confidence=config.band.confidence,
        categories=task.categories,
        batches=min(config.runs.batches, len(runs)),
        seconds={run.number: run.seconds for run in cell.runs if run.seconds is not None},
        reused=cell.summary.reused,
    )
    watched = watch(config)
    if watched is None:
        return cut_short(summary, planned(config.runs))
    for run in runs:
        watched.take(run)
    return conclude(summary, runs, watched, planned(config.runs))


def describe(regraded: Regraded) -> list[str]:
    """Run by run what changed, then both rates and an exact test on the runs whose verdict flipped."""
    before, after = regraded.before, regraded.after
    lines = [f"{plain(before.title, one_line=True)}: {plain(before.folder, one_line=True)}"]
    for old, new in regraded.changed:
        was = f"{MARKS[old.outcome]} {old.outcome.value}"
        lines.append(f"{was} → {MARKS[new.outcome]} {run_result(new)}")
    if not regraded.changed:
        lines.append(f"Nothing changed: {counted(len(after), 'run')} judged as before.")
        return lines
    verdicts = {run.number: run.passed for run in before.runs}
    both = [(verdicts[run.number], run.outcome is Outcome.PASSED) for run in after if run.grade]
    pairs = [(bool(one), other) for one, other in both if one is not None]
    outcomes = [run.outcome for run in before.runs] + [run.outcome for run in after]
    if unsure := outcomes.count(Outcome.UNKNOWN):
        lines.append(
            f"{counted(len(regraded.changed), 'run')} changed; {unsure} are unknown under their limits, so nothing is "
            "tested: a launch with reuse=exact samples at them"
        )
        return lines
    passed = sum(one and other for one, other in pairs), sum(one and not other for one, other in pairs)
    failed = sum(other and not one for one, other in pairs), sum(not one and not other for one, other in pairs)
    if pairs:
        test = compare_paired(passed[0], passed[1], failed[0], failed[1])
        lines.append(
            f"{counted(len(regraded.changed), 'run')} changed: {failed[0]} now pass, {passed[1]} now fail; pass rate "
            f"{percent(sum(passed) / len(pairs))} → {percent((passed[0] + failed[0]) / len(pairs))} "
            f"(McNemar p = {test.p_value:.2g})"
        )
    return lines


__all__ = ["Regraded", "describe", "main", "regrade", "write_regraded"]
