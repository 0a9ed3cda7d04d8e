"""`python -m evalkit regrade <output dir> [overrides]`: grade recorded rollouts again, without a model or a key."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit import report
from evalkit.cli.parser import DIR, VerbParser, directory
from evalkit.config.model_settings import floor_of
from evalkit.config.saved import launched_from, read_config
from evalkit.config.schema import Config
from evalkit.display.formatting import MARKS, run_result
from evalkit.engine.regrading import Regraded, regrade, write_regraded
from evalkit.landscape.rebuild import rebuild
from evalkit.results.reading import CellRecord, Results, load
from evalkit.results.runs import Outcome
from evalkit.rollout.limits import Limits, from_config
from evalkit.sampling.keys import question
from evalkit.sampling.problem_set import first_spec, problem_set
from evalkit.sampling.store import same_question
from evalkit.stats.comparisons import compare_paired
from evalkit.task.protocol import Task
from evalkit.task.registry import load_task
from evalkit.util import signals
from evalkit.util.errors import UserError
from evalkit.util.files import exists
from evalkit.util.text import counted, fitted, percent, plain

FREE = ("task", "limits", "band")
"""Groups whose keys can be changed for existing rollouts."""
FREE_KNOBS = ("runs.count", "runs.batches", "sandbox.level", "sandbox.allow_weak", "sandbox.pool", "verbose")


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser(
        "regrade",
        "Grade a launch or a sweep again, without a model: other tolerances, smaller limits, a better grader.",
        f"regrade {DIR} task.tolerances.answer=0.1",
        "Exit status: 0 done, 1 the grader failed on a run, 2 bad input, 130 interrupted.",
        intermixed=True,
    )
    verb.add_argument("words", nargs="+", metavar="DIR [key=value …]", help="output directory, and settings to change")
    verb.add_argument("--out", type=directory, metavar="DIR", help="new output directory (default: DIR-regraded)")
    return verb


def run(options: Namespace) -> int:
    """Grade again. Exit status 0, or 1 if the grader failed on a run. Raises `UserError` for bad input."""
    given, overrides, out = _arguments(options)
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


def _arguments(options: Namespace) -> tuple[Path, list[str], Path | None]:
    overrides = [word for word in options.words if "=" in word and not exists(word)]
    folders = [word for word in options.words if word not in overrides]
    if len(folders) != 1:
        raise UserError(f"regrade takes one output directory: write for example `{parser().example}`")
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
    from evalkit.sampling.resources import Resources  # what is refused needs no sandbox

    plans = [(cell, folder, _plan(cell, overrides), overrides) for cell, folder, overrides in pairs]
    resources, done = Resources(), []
    try:
        for cell, folder, (config, task), overrides in plans:
            sandbox = await resources.sandbox(config, first_spec(config, task))
            await sandbox.ready()
            runs = await regrade(cell, task, sandbox, config=config)
            write_regraded(cell, folder, config, task, runs, overrides)
            report.write(folder)
            done.append(Regraded(cell, tuple(runs), folder))
    finally:
        await resources.close()
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
            f"{knob}={getattr(limits, knob.removeprefix('limits.'))} exceeds what was sampled "
            f"({getattr(cell.limits, knob.removeprefix('limits.'))}): launch again to sample new rollouts"
        )
    if floor_of(config.model.params) > 1 and not cell.limits.same_rollouts(limits):
        raise UserError(
            "limits cannot be changed for rollouts with a fixed thinking budget, because each request depends on what "
            "is left of them: launch again to sample new rollouts"
        )
    if config.runs.count > len(cell.runs) and any(override.startswith("runs.count=") for override in overrides):
        raise UserError(f"runs.count={config.runs.count} needs new rollouts: this launch has {len(cell.runs)}")
    task = load_task(config.task)
    _check_questions(cell, config, task, overrides)
    return config, task


def _refuse(knob: str) -> None:
    group, _, rest = knob.partition(".")
    if not rest and group in ("task", "model", "limits", "sandbox"):
        raise UserError(f"{knob}=… replaces a whole group: regrade changes single keys, such as {group}.<name>=…")
    if group not in FREE and knob not in FREE_KNOBS:
        raise UserError(f"{knob} cannot be changed for existing rollouts: launch again to sample new ones")


def _wider(old: Limits, new: Limits) -> str:
    """The first limit that the old ones do not cover."""
    for name in ("max_tokens", "max_tokens_per_turn", "max_steps", "timeout_s", "tool_timeout_s"):
        if not old.dominates(replace(old, **{name: getattr(new, name)})):
            return f"limits.{name}"
    raise AssertionError("some limit is wider")


def _check_questions(cell: CellRecord, config: Config, task: Task, overrides: Sequence[str]) -> None:
    """Raise `UserError` where the model would now be asked something else, or a turned knob is felt by its tools."""
    turned = [override.partition("=")[0] for override in overrides if override.startswith("task.")]
    seen = [knob for knob in turned if knob.split(".")[1] not in task.graded_by]
    problems = problem_set(config, task)
    for run in cell.runs[: problems.size(config.runs.count)]:
        would = question(task, problems, run.number)
        if not same_question(run.rollout, would) or (seen and run.rollout.set_up != would.set_up):
            if seen:
                raise UserError(
                    f"{seen[0]} changes what the model is asked or what its tools do: "
                    "launch again to sample new rollouts"
                )
            raise UserError(
                f"The prompt, tools or files of task {cell.task} have changed since {cell.folder} was launched: "
                "launch again"
            )


def describe(regraded: Regraded) -> list[str]:
    """Run by run what changed, then both rates and an exact test on the runs whose verdict flipped."""
    before, after = regraded.before, regraded.after
    lines = [f"{plain(before.title, one_line=True)}: {plain(before.folder, one_line=True)}"]
    for old, new in regraded.changed:
        was = f"{MARKS[old.outcome]} {old.outcome.value}"
        lines.append(f"{was} → {MARKS[new.outcome]} {run_result(new)}")
    if not regraded.changed:
        lines.append(f"Nothing changed: {counted(len(after), 'run')} got the same grade.")
        return lines
    verdicts = {run.number: run.passed for run in before.runs}
    both = [(verdicts[run.number], run.outcome is Outcome.PASSED) for run in after if run.grade]
    pairs = [(bool(one), other) for one, other in both if one is not None]
    outcomes = [run.outcome for run in before.runs] + [run.outcome for run in after]
    if unsure := outcomes.count(Outcome.UNKNOWN):
        lines.append(
            f"{counted(len(regraded.changed), 'run')} changed; {unsure} are unknown under their limits, so no "
            "test was made: launch with reuse=exact to sample under them"
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
