"""`python -m evalkit regrade <output dir> [overrides]`: grade recorded rollouts again, without a model or a key."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit import report
from evalkit.cli.parser import DIR, VerbParser, directory
from evalkit.config.model_settings import floor_of
from evalkit.config.saved import launched_from, read_config
from evalkit.config.schema import Config
from evalkit.display.formatting import MARKS, run_result
from evalkit.engine.regrading import Regraded, kept, problems_tried, regrade, write_regraded
from evalkit.landscape.rebuild import rebuild
from evalkit.results.problem_tallies import outcome_tallies
from evalkit.results.reading import CellRecord, Results, RunRecord, load
from evalkit.results.runs import Outcome, Run
from evalkit.rollout.limits import Limits, from_config
from evalkit.sampling.keys import question
from evalkit.sampling.problem_set import first_spec
from evalkit.sampling.store import same_question
from evalkit.stats.comparisons import compare_paired
from evalkit.stats.paired_sets import compare_sets
from evalkit.stats.problem_sets import mean_rate
from evalkit.task.protocol import Task
from evalkit.task.registry import load_task
from evalkit.util import signals
from evalkit.util.errors import UserError
from evalkit.util.files import exists
from evalkit.util.text import counted, fitted, percent, plain

FREE = ("task", "limits", "band")
"""Groups whose keys can be changed for existing rollouts."""
MOST_CHANGED = 50
"""Runs whose change is printed one by one."""
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
    made = max((run.attempt or run.number for run in cell.runs), default=0)
    if config.runs.count > made and any(override.startswith("runs.count=") for override in overrides):
        each = " at a problem" if cell.summary.set else ""
        raise UserError(f"runs.count={config.runs.count} needs new rollouts: this launch has {made}{each}")
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
    problems = problems_tried(cell, config, task)
    for run in kept(cell, config):
        would, known = question(task, problems, run.number), run.conversation()
        if not same_question(known, would) or (seen and known.set_up != would.set_up):
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
    """Run by run what changed, then both rates and an exact test of their difference: of a set, by problem."""
    before, after = regraded.before, regraded.after
    lines = [f"{plain(before.title, one_line=True)}: {plain(before.folder, one_line=True)}"]
    for old, new in regraded.changed[:MOST_CHANGED]:
        was = f"{MARKS[old.outcome]} {old.outcome.value}"
        lines.append(f"{was} → {MARKS[new.outcome]} {run_result(new)}")
    if (rest := len(regraded.changed) - MOST_CHANGED) > 0:
        lines.append(f"… and {counted(rest, 'run')} more: `python -m evalkit diff` of both directories lists them")
    if not regraded.changed:
        return [*lines, f"Nothing changed: {counted(len(after), 'run')} got the same grade."]
    lines.append(_difference(regraded))
    return lines


def _difference(regraded: Regraded) -> str:
    changed = counted(len(regraded.changed), "run")
    numbers = {run.number for run in regraded.after}
    before = [run for run in regraded.before.runs if run.number in numbers]
    outcomes = [run.outcome for run in before] + [run.outcome for run in regraded.after]
    if unsure := outcomes.count(Outcome.UNKNOWN):
        return (
            f"{changed} changed; {unsure} are unknown under their limits, so no test was made: launch with reuse=exact "
            "to sample under them"
        )
    was = {run.number: run.passed for run in before}
    graded = [run for run in regraded.after if run.grade and was[run.number] is not None]
    pairs = Counter((was[run.number] is True, run.outcome is Outcome.PASSED) for run in graded)
    if not graded:
        return f"{changed} changed: none has a verdict on both sides"
    flips = f"{changed} changed: {pairs[False, True]} now pass, {pairs[True, False]} now fail; pass rate"
    if regraded.before.summary.set:
        return f"{flips} {_by_problem([run for run in before if run.number in {one.number for one in graded}], graded)}"
    passed = pairs[True, True] + pairs[True, False], pairs[True, True] + pairs[False, True]
    test = compare_paired(pairs[True, True], pairs[True, False], pairs[False, True], pairs[False, False])
    one, other = (percent(each / len(graded)) for each in passed)
    return f"{flips} {one} → {other} (McNemar p = {test.p_value:.2g})"


def _by_problem(before: Sequence[RunRecord], after: Sequence[Run]) -> str:
    """Both mean rates of the same tries, and the test that `diff` makes: tries at one problem are one draw of it."""
    old, new = outcome_tallies(before), outcome_tallies(after)
    sides = [[(tallies[name].passed, tallies[name].tries) for name in old] for tallies in (old, new)]
    one, other = (percent(mean_rate(side) or 0.0) for side in sides)
    test = compare_sets(sides[0], sides[1])
    return f"{one} → {other} ({test.method} of {counted(test.problems, 'problem')}, p = {test.p_value:.2g})"
