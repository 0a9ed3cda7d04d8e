"""Many cells on one event loop: sample each rollout set once, then clip, measure and grade for every cell."""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
import time
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from evalkit.config.schema import Config
from evalkit.display import log as logs
from evalkit.display.view import View
from evalkit.engine.adaptive import AdaptiveTries
from evalkit.engine.cells import Cell, CellResult
from evalkit.engine.manifest import cell_info, manifest
from evalkit.grading.measurements import Measurements
from evalkit.grading.procedure import Graded, attempt_of, grades_of, measured
from evalkit.model.protocol import Model, Wait
from evalkit.results.early_stopping import planned, watch
from evalkit.results.runs import Run
from evalkit.results.stopped_summary import adaptively_tried, conclude, cut_short
from evalkit.results.summary import summarize
from evalkit.results.writing import put_away, write_cell
from evalkit.rollout import artifacts
from evalkit.rollout import limits as budgets
from evalkit.rollout.limits import clip, cost_limit_reached
from evalkit.rollout.record import Ending, Rollout, Timing, Turn
from evalkit.sampling.keys import TaskFiles, grader_digest, measurement_key, rollout_key
from evalkit.sampling.problem_set import first_spec, problem_set
from evalkit.sampling.provenance import Reused, mark_of
from evalkit.sampling.resources import Resources
from evalkit.sampling.sampler import CostBudget, RolloutSampler
from evalkit.sampling.store import Key, Store, digest
from evalkit.stats.verdict import Band
from evalkit.task import author_code
from evalkit.task.grade import Measurement
from evalkit.task.optional_parts import needs_submission_of
from evalkit.task.protocol import Task
from evalkit.task.registry import load_task
from evalkit.util import open_files
from evalkit.util.errors import StorageError, TaskError
from evalkit.util.files import kept_in
from evalkit.util.text import counted

log = logging.getLogger("evalkit")

ROUND_S = 0.02
"""How often to look whether a round has ended."""
TICK_S = 1.0
"""How often who watches is given time for a sign of life."""


@dataclass
class _Group:
    """Cells that share one rollout set, and what they need of it."""

    source: RolloutSampler
    members: list[CellResult]
    measurements: dict[str, Measurements] = field(default_factory=dict)
    adaptive: AdaptiveTries | None = None
    """Plans the tries with `runs.until=selected`; None if their number is fixed, or the band decides."""
    under_way: int = 0
    """Runs that were started and have not ended."""
    in_a_row: int = 0
    """Runs that ended by a fault, one after the other."""
    unfinished: bool = False
    """Whether `adaptive` wanted more tries than were started."""
    stopped: str = ""
    """Why no more runs are started, if so."""

    @property
    def tries(self) -> int:
        """How many tries at each problem the most demanding cell wants."""
        return max(member.tries for member in self.members)

    @property
    def enough(self) -> float:
        """How many units (runs, or problems of a set) it takes: until the last cell is decided, or without a bound.

        Cells that share rollouts stop together, so that their rates stay comparable.
        """
        return max((member.watched and member.watched.decided_at) or math.inf for member in self.members)

    def start(self, run: int) -> None:
        """Count a run as started."""
        self.under_way += 1
        for member in self.wanting(run):
            member.not_started -= 1

    def wanting(self, run: int) -> list[CellResult]:
        """The cells that a run is for."""
        attempt = self.source.problems.attempt(run)
        return [member for member in self.members if attempt <= member.tries]

    def measured(self, member: CellResult) -> Measurements:
        """The measurements that the cell's grader made of this set; shared by cells that only grade differently."""
        key = member.measuring
        if key not in self.measurements:
            folder = self.source.known.folder / "measurements" / key
            self.measurements[key] = Measurements(folder, self.source.problems)
        return self.measurements[key]


class Engine:
    """What the cells of one launch share: models, sandboxes, a cost budget, a view."""

    def __init__(
        self, view: View, resources: Resources, *, report: Callable[[Path], object] = lambda folder: None
    ) -> None:
        """`report` is called with the folder of every cell that was written."""
        self.view, self.resources, self._report = view, resources, report
        self._budget = CostBudget(None)
        self._said: set[str] = set()
        self._uncounted = False
        self._files = TaskFiles()
        self._later: TaskFiles | None = None
        self._began = str(time.time_ns())
        self.unwritten = ""
        """Why results of a finished cell are not on disk: one sentence with the fix."""

    @property
    def failed(self) -> str:
        """What kept the launch from being finished, if it was a disk."""
        return self._budget.stopped or self.unwritten

    async def run(self, cells: Sequence[Cell]) -> list[CellResult]:
        """Group, sample, grade, write."""
        budget, self._files, self._later = self._budget, TaskFiles(), None
        budget.limit_usd = min(
            (c.config.limits.max_cost_usd for c in cells if c.config.limits.max_cost_usd), default=None
        )
        groups = [await self._open(group, budget) for group in await self._grouped(cells)]
        for group in groups:
            await group.source.sandbox.ready()
        members = sorted((m for group in groups for m in group.members), key=lambda m: m.cell.index)
        self.view.begin([cell_info(member) for member in members])
        for group in groups:
            self._say_what_is_known(group)
            self._say_what_is_reused(group)
        ticking = asyncio.create_task(self._tick())
        try:
            await self._run_all(groups, self._at_once(members))
        finally:
            ticking.cancel()
        if budget.spent:
            self.view.note(cost_limit_reached(budget.spent_usd, budget.limit_usd))
        return members

    async def _tick(self) -> None:
        """Time for signs of life: nothing else happens while calls are slow."""
        while True:
            await asyncio.sleep(TICK_S)
            self.view.tick()

    def _at_once(self, members: Sequence[CellResult]) -> int:
        """How many runs to have under way: as many as are asked for, if there are open files for them."""
        wanted = max(member.cell.config.runs.concurrency for member in members)
        asked = min(wanted, sum(member.asked for member in members))
        allowed = open_files.allow(asked)
        if allowed < asked:
            self.view.note(
                f"Runs {allowed} at once, not {asked}: this process may have {open_files.limit():,} open files. "
                "Raise the limit with `ulimit -n 65536`."
            )
        return allowed

    async def _run_all(self, groups: Sequence[_Group], at_once: int) -> None:
        """Every run of every group in order, so many at a time; nothing is made for runs that do not start yet."""
        left = self._to_run(groups)

        async def work() -> None:
            for group, run in left:
                if run is None:  # what comes next hangs on runs that are under way
                    await asyncio.sleep(ROUND_S)
                    continue
                try:
                    await self._run(group, run)
                except BaseException:
                    left.close()  # what ended this one ends the launch: nobody buys another answer
                    raise
                await asyncio.sleep(0)  # a run that was found on disk waits for nothing: let others, and signals, in

        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(work())

    def _to_run(self, groups: Sequence[_Group]) -> Generator[tuple[_Group, int | None], None, None]:
        """Runs as they are asked for, None for one that cannot be named yet; what nobody needs any more is left out."""
        for group in groups:
            starting = self._by_rounds(group, group.adaptive) if group.adaptive else self._to_start(group)
            for run in starting:
                yield group, run

    def _by_rounds(self, group: _Group, adaptive: AdaptiveTries) -> Iterator[int | None]:
        """The runs of one round after the other; None while the last one is under way."""
        asked = started = 0
        while not (group.stopped or self._budget.empty) and (runs := adaptive.next_round()):
            asked += len(runs)
            for run in runs:
                if group.stopped or self._budget.empty:
                    break
                group.start(run)
                started += 1
                yield run
            while group.under_way:
                yield None
        ended_early = bool(group.stopped) or self._budget.empty
        group.unfinished = started < asked or (ended_early and bool(adaptive.next_round()))
        for member in group.members:
            left, member.not_started, member.asked = member.not_started, 0, started
            self._ended(group, member, left)

    def _to_start(self, group: _Group) -> Iterator[int]:
        """The runs of a group as their turn comes; once it has enough, or is stopped, the others are given up."""
        for unit, runs in enumerate(group.source.problems.units(group.tries), 1):
            for run in runs:
                if unit > group.enough or group.stopped:
                    for member in group.members:
                        left, member.not_started = member.not_started, 0
                        self._ended(group, member, left)
                    return
                group.start(run)
                yield run

    async def sample_apart(self, config: Config, folder: Path, overrides: Mapping[str, str]) -> CellResult:
        """One more cell after the others have ended, as a launch of its own in a folder that exists; same budget."""
        self.view.end()
        (result,) = await self.run([Cell(config, folder, overrides)])
        return result

    async def _grouped(self, cells: Sequence[Cell]) -> list[tuple[Key, list[tuple[Cell, Task, Model]]]]:
        """Cells by what their conversations depend on."""
        groups: dict[str, tuple[Key, list[tuple[Cell, Task, Model]]]] = {}
        for cell in cells:
            task = load_task(cell.config.task)
            model = await self.resources.model(cell.config, task)
            await model.check()  # what the endpoint serves is part of the key
            problems = problem_set(cell.config, task)
            key = rollout_key(cell.config, task, model, problems)
            apart = (
                problems.chosen
                + _plan(cell.config)
                + ("" if clippable(model) else str(budgets.from_config(cell.config.limits)))
            )
            groups.setdefault(key.digest + apart, (key, []))[1].append((cell, task, model))
        return list(groups.values())

    async def _open(self, group: tuple[Key, list[tuple[Cell, Task, Model]]], budget: CostBudget) -> _Group:
        """Choose the rollout set of a group: sampled, or to be sampled, at its largest limits."""
        key, cells = group
        first, task, model = cells[0]
        wanted = [budgets.from_config(cell.config.limits) for cell, _, _ in cells]
        wanted += [cell.reach for cell, _, _ in cells if cell.reach and clippable(model)]
        problems = problem_set(first.config, task)
        tries = [planned(cell.config, several=problems.several) for cell, _, _ in cells]
        store = Store(Path(first.config.store), problems)
        reuse = first.config.reuse if clippable(model) or first.config.reuse == "never" else "exact"
        known = store.find(first.config.task["name"], key, budgets.join(wanted), max(tries), reuse, first.since)
        sandbox = await self.resources.sandbox(first.config, first_spec(first.config, task))
        source = RolloutSampler(
            first.config, task, model, known.limits, known, sandbox, budget, problems, note=self.view.note
        )
        source.notes = tuple(await model.check())
        source.launch = mark_of(first.folder.resolve(), self._began)
        members = [
            CellResult(
                cell,
                own_task,
                source,
                budgets.from_config(cell.config.limits),
                watched=watch(cell.config, problems),
                tries=most,
                asked=problems.size(most),
                open_runs=problems.size(most),
                not_started=problems.size(most),
                measuring=measurement_key(cell.config, own_task, self._files),
                grader=grader_digest(cell.config, own_task, self._files),
            )
            for (cell, own_task, _), most in zip(cells, tries, strict=True)
        ]
        opened = _Group(source, members)
        if first.config.runs.until == "selected":
            opened.adaptive = AdaptiveTries(problems, first.config)
        source.on_turn = partial(self._turn_done, opened)
        source.on_failed = logs.attempt_failed
        source.answered = known.answered(max(tries))
        model.watch(partial(self._waiting, opened))
        return opened

    def _say_what_is_known(self, group: _Group) -> None:
        """What the endpoint said before the launch: to who watches, and into every log."""
        for text in group.source.notes:
            if text not in self._said:  # cells of a sweep share an endpoint
                self._said.add(text)
                self.view.warn(text)
            for member in group.members:
                with logs.cell_log(member.cell.folder):
                    log.warning("%s", text)

    def _say_what_is_reused(self, group: _Group) -> None:
        there = group.source.known.complete(group.tries)
        if there:
            self.view.note(
                f"Reuses {len(there)} of {group.source.problems.size(group.tries)} rollouts of set "
                f"{group.source.known.name}, sampled {group.source.known.sampled(there)}; reuse=never samples afresh."
            )

    def _turn_done(self, group: _Group, run: int, step: int, turn: Turn) -> None:
        logs.turn_done(run, step, turn)
        if turn.uncounted and not self._uncounted:
            self._uncounted = True
            self.view.note(
                "The server does not count output tokens (usage.output_tokens): results show 0, "
                "and no limit of tokens can hold."
            )
        for member in group.members:
            self.view.turn_done(member.cell.index, run, turn)

    def _waiting(self, group: _Group, wait: Wait) -> None:
        waiting = [member.cell.folder for member in group.members if member.open_runs]
        if waiting:
            with logs.cell_log(*waiting):
                log.info("%s", wait)
            self.view.waiting(wait)

    async def _run(self, group: _Group, run: int) -> None:
        """One run of every cell of a group: one rollout, clipped, measured and graded for each."""
        wanting = group.wanting(run)
        with logs.cell_log(*(member.cell.folder for member in wanting)):
            rollout = await self._sample(group, run, wanting)
            if rollout is not None:
                self._count_errors(group, rollout)
                for member, graded in zip(wanting, await self._graded(group, wanting, rollout), strict=True):
                    self._take(group, member, graded)
            group.source.forget(run)
            group.under_way -= 1
            for member in wanting:
                self._ended(group, member, 1)

    def _ended(self, group: _Group, member: CellResult, runs: int) -> None:
        member.open_runs -= runs
        if runs and not member.open_runs:
            self._finish(group, member)

    async def _sample(self, group: _Group, run: int, wanting: Sequence[CellResult]) -> Rollout | None:
        """The rollout, from the store or bought; None if nothing may be bought any more."""
        logs.run_started(run)
        for member in wanting:
            self.view.run_started(member.cell.index, run)
        try:
            return await _sampled(group.source, run)
        except StorageError as error:  # what cannot be kept must not be bought
            self._budget.stopped = str(error)
            return None

    def _count_errors(self, group: _Group, rollout: Rollout) -> None:
        """Start no more runs once several in a row ended by a fault that is not the model's: the rest would, too."""
        if rollout.ending is Ending.ERROR and rollout.traceback:  # the task's own code, which may mind one run alone
            return
        group.in_a_row = group.in_a_row + 1 if rollout.ending is Ending.ERROR else 0
        most = group.source.config.runs.max_errors
        if most is not None and group.in_a_row >= most and not group.stopped:
            group.stopped = (
                f"Stopped: {counted(group.in_a_row, 'run')} in a row ended by a fault (runs.max_errors={most}), the "
                f"last one because {rollout.detail}. The same command goes on from there once it is mended."
            )
            group.source.notes += (group.stopped,)
            self.view.warn(group.stopped)
            for member in group.members:
                with logs.cell_log(member.cell.folder):
                    log.error("%s", group.stopped)

    async def _graded(self, group: _Group, wanting: Sequence[CellResult], rollout: Rollout) -> list[Run]:
        """One rollout as a run of every cell: measured, unless that was done before, and graded by its thresholds."""
        clipped = [clip(rollout, member.limits) for member in wanting]
        found = [
            (member.task, await _measured(group, member, one)) for member, one in zip(wanting, clipped, strict=True)
        ]
        limit_s = min((author_code.limit_of(member.cell.config) for member in wanting), default=0.0)
        graded = await grades_of(found, limit_s=limit_s)
        model = group.source.model
        costs = [model.cost_usd([turn.charged for turn in one.turns]) for one in clipped]
        problems, run = group.source.problems, rollout.run
        problem, attempt = (problems.id(run), problems.attempt(run)) if problems.several else (None, None)
        return [
            replace(Run.of(*parts), problem=problem, attempt=attempt)
            for parts in zip(clipped, graded, costs, strict=True)
        ]

    def _take(self, group: _Group, member: CellResult, run: Run) -> None:
        member.runs.append(run)
        if group.adaptive and member is group.members[0]:
            group.adaptive.take(run)
        if group.source.problems.several:
            member.runs[-1] = put_away(member.cell.folder, run)
        if member.watched:
            member.watched.take(run)
        with logs.cell_log(member.cell.folder):
            logs.run_done(run)
        if run.rollout.leaked:
            self.view.note(f"LEAKED: run {run.number} contains the canary of the grader's process. Do not trust it.")
        self.view.run_done(member.cell.index, run)

    def _finish(self, group: _Group, member: CellResult) -> None:
        """Analyse and write a cell of which every run has ended."""
        config, begun = member.cell.config, group.source.reused
        # Runs that were under way when the last cell was decided stay in the store, whichever they were.
        if group.enough < math.inf:
            member.asked, member.runs = self._of_enough(group, member)
        member.summary = summarize(
            member.runs,
            band=Band(config.band.low, config.band.high),
            confidence=config.band.confidence,
            categories=member.task.categories,
            batches=config.runs.batches,
            about=config.band.about,
            group=config.band.group,
            seconds={run.number: run.rollout.timing.seconds for run in member.runs},
            reused=Reused.of({run.number: begun[run.number] for run in member.runs if run.number in begun}),
        )
        if member.watched:
            member.summary = conclude(member.summary, member.runs, member.watched, member.tries)
        elif group.adaptive:
            ended_early = group.unfinished or len(member.runs) < member.asked
            member.summary = adaptively_tried(member.summary, ended_early=ended_early)
        else:
            member.summary = cut_short(member.summary, member.asked)
        self._check_grader(member)
        try:
            with kept_in(member.cell.folder, "hydra.sweep.dir" if member.cell.overrides else "hydra.run.dir"):
                write_cell(member.cell.folder, member.runs, member.summary, manifest(member, self._files))
                self._report(member.cell.folder)
        except StorageError as error:  # the other cells may have more room, and the analysis can be read on screen
            self.unwritten = str(error)
        self.view.cell_done(member.cell.index, member.summary)

    def _of_enough(self, group: _Group, member: CellResult) -> tuple[int, list[Run]]:
        """How many runs a cell takes that was stopped, and those of them that were made."""
        problems, enough = group.source.problems, group.enough
        asked = sum(len(unit) for unit in islice(problems.units(member.tries), int(enough)))
        return asked, [run for run in member.runs if problems.unit(run.number) <= enough]

    def _check_grader(self, member: CellResult) -> None:
        """Say so if what grades was edited meanwhile: no digest stands for verdicts of two graders."""
        if self._later is None or time.monotonic() - self._later.taken > FRESH_S:
            self._later = TaskFiles()
        now = grader_digest(member.cell.config, member.task, self._later)
        if now == member.grader:
            return
        member.grader = digest([member.grader, now])
        folder = member.source.known.folder / "measurements" / member.measuring
        shutil.rmtree(folder, ignore_errors=True)  # nobody knows which of them the old grader made
        sentence = (
            f"The files of task {member.cell.config.task['name']} were changed while it was graded: its verdicts may "
            f"mix two graders, so grade again with `python -m evalkit regrade {member.cell.folder}`"
        )
        self.view.note(f"{sentence}.")
        with logs.cell_log(member.cell.folder):
            log.warning(sentence)


FRESH_S = 0.2
"""For so long files of tasks are not looked at again when a cell is finished."""


async def _measured(group: _Group, member: CellResult, rollout: Rollout) -> Graded:
    """What a cell's grader finds out about a run, unless that was done before."""
    task, source, limit_s = member.task, group.source, author_code.limit_of(member.cell.config)

    def measure(answer: Any) -> Awaitable[Measurement]:
        def anew() -> Awaitable[Measurement]:
            spec = source.spec(rollout.run)
            return author_code.measure(task, attempt_of(rollout, spec), spec, source.sandbox, limit_s=limit_s)

        return group.measured(member).get(rollout.run, answer, anew, files=artifacts.mark(rollout))

    needed = not rollout.patterns or needs_submission_of(source.spec(rollout.run))
    return await measured(rollout, measure, member.limits, needs_submission=needed)


async def _sampled(source: RolloutSampler, run: int) -> Rollout | None:
    """The rollout of a run; one that ended before its first turn where the task cannot say what is asked."""
    try:
        return await source.rollout(run)
    except TaskError as error:
        started = Rollout(run, "", "", (), detail=str(error), traceback=error.traceback)
        return replace(started, timing=Timing(started=time.time()))


def _plan(config: Config) -> str:
    """What adaptive tries hang on besides their results: cells that plan alike share their rounds."""
    if config.runs.until != "selected":
        return ""
    return digest([config.runs.max, vars(config.select), vars(config.band)])


def clippable(model: Model) -> bool:
    """Whether the model's requests do not depend on the budget. A fixed thinking budget must fit below `max_tokens`."""
    return model.floor <= 1
