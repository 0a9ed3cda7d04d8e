"""Rollout sampler: takes stored rollouts of a set, samples missing ones, and never buys a run twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from evalkit.config.schema import Config
from evalkit.model.protocol import Model
from evalkit.rollout import artifacts
from evalkit.rollout.journal import Journal, Loaded
from evalkit.rollout.limits import Limits
from evalkit.rollout.record import Ending, FailedAttempt, Rollout, Turn
from evalkit.sampling.agent import Agent, DivergedError
from evalkit.sampling.claims import Claim
from evalkit.sampling.keys import question
from evalkit.sampling.problem_set import ProblemSet
from evalkit.sampling.reminders import reminders
from evalkit.sampling.seeds import run_seed
from evalkit.sampling.store import RolloutSet, same_question
from evalkit.sandbox import canary
from evalkit.sandbox.protocol import Sandbox
from evalkit.task import author_code
from evalkit.task.author_faults import blamed
from evalkit.task.optional_parts import files_of
from evalkit.task.protocol import Spec, Task
from evalkit.util.disk import apart
from evalkit.util.errors import ClaimLostError, ProviderError, UserError
from evalkit.util.files import kept_in

log = logging.getLogger("evalkit")

CLAIM_POLL_S = 0.2
"""How often to look whether another process has finished a run that we wait for."""


@dataclass
class CostBudget:
    """What a launch has spent, and when it has to stop."""

    limit_usd: float | None
    spent_usd: float = 0.0
    output_tokens: int = 0
    """Bought now, not taken from the store."""
    stopped: str = ""
    """Why nothing more is bought although there is money: one sentence with the fix."""

    @property
    def empty(self) -> bool:
        """Whether no new rollout may start."""
        return bool(self.stopped) or self.spent

    @property
    def spent(self) -> bool:
        """Whether the launch has reached what it may cost."""
        return self.limit_usd is not None and self.spent_usd >= self.limit_usd

    def pay(self, bought: Iterable[Turn], model: Model) -> None:
        """Account for the turns that were really bought."""
        turns = list(bought)
        self.output_tokens += sum(turn.output_tokens for turn in turns)
        self.spent_usd += model.cost_usd([turn.usage for turn in turns]) or 0.0


@dataclass
class RolloutSampler:
    """Where the rollouts of a group of cells come from."""

    config: Config
    task: Task
    model: Model
    limits: Limits
    """Those of the set, at least as large as those of every cell that it serves."""
    known: RolloutSet
    sandbox: Sandbox
    budget: CostBudget
    problems: ProblemSet
    on_turn: Callable[[int, int, Turn], None] | None = None
    """Called as `on_turn(run, step, turn)` when a turn was bought."""
    launch: str = ""
    """What names our launch."""
    on_failed: Callable[[int, FailedAttempt], None] | None = None
    """Called as `on_failed(run, attempt)` when an attempt failed."""
    reused: dict[int, float] = field(default_factory=dict)
    """Runs that another launch sampled, or began to → when it began (Unix time)."""
    answered: dict[str, int] = field(default_factory=dict)
    """Names under which the model answered → in how many rollouts of the store."""
    notes: tuple[str, ...] = ()
    """What the endpoint said of the model before the launch."""
    note: Callable[[str], None] = field(default=lambda text: None)
    """Told what a person should know."""
    _waited: bool = False
    _specs: dict[int, Spec] = field(default_factory=dict)
    """Of the first run, and of the runs under way: a run has one problem, however often somebody asks for it."""

    def spec(self, run: int) -> Spec:
        """The problem of a run. Raises `TaskError`."""
        if run not in self._specs:
            self._specs[run] = author_code.spec_for(
                self.task, self.problems.problem(run), disk_mb=self.config.sandbox.disk_mb
            )
        return self._specs[run]

    async def _begin(self, run: int) -> Rollout:
        """What the model of a run is shown, worked out within the limit of such things. Raises `TaskError`."""

        def ask() -> Rollout:
            with blamed("the task's spec"):
                return question(self.task, self.problems, run, self.spec(run))

        return await author_code.apart("the task's spec", ask, author_code.limit_of(self.config))

    def forget(self, run: int) -> None:
        """A run is over: its problem need not be kept."""
        if run != self.problems.first:
            self._specs.pop(run, None)

    def compare(self, turn: Turn) -> None:
        """Refuse an answer of another model than the rest of the set: never are two models one result.

        Raises `UserError` where rollouts of the store would be mixed with it, `ProviderError` (an error of that run)
        where the launch's own would.
        """
        name = turn.answered_by
        if name is None or name in self.answered or not self.model.where:
            return
        if not self.answered:
            self.answered[name] = 0
            return
        before = ", ".join(map(repr, self.answered))
        if sum(self.answered.values()):
            raise UserError(
                f"{self.model.where} now answers as {name!r}, and the rollouts of set {self.known.name} were "
                f"answered by {before}: serve that model again, name the other one with model.id, or set reuse=never"
            )
        raise ProviderError(f"{self.model.where} answered as {name!r}, after {before} in this launch")

    async def rollout(self, run: int) -> Rollout | None:
        """The rollout of a run under the set's limits; None if the budget is empty and it was not started.

        Raises `TaskError` where the task cannot say what the run is asked, `StorageError` where it cannot be kept.
        """
        start = await self._begin(run)
        claim = self.known.claim(run)
        while True:
            with self.keeping():
                loaded = self._usable(start) if self.known.ended(run) else None
            if loaded and loaded.complete and not loaded.damage:
                return self._reuse(loaded)
            if self.budget.empty:
                return None
            with self.keeping():
                ours = claim.take()
            if ours:
                try:
                    async with claim:
                        return await self._sample(start, claim)
                except ClaimLostError:
                    self.note(
                        f"{self.problems.name(run)}: this process stood still, and another one took the run over."
                    )
            else:
                self._say_who_is_waited_for(run, claim)
            await asyncio.sleep(CLAIM_POLL_S)

    @property
    def _durable(self) -> bool:
        """Whether a line is on the disk, not only with the system, before anything is done with it."""
        return self.config.durability == "full"

    def keeping(self) -> AbstractContextManager[None]:
        """For everything that reads or writes the store."""
        return kept_in(Path(self.config.store), "store")

    def _usable(self, start: Rollout) -> Loaded | None:
        """What the store has of this run, if it answers the same question."""
        loaded = self.known.load(start.run)
        if loaded is None or _never_asked(loaded.rollout):
            return None
        same = same_question(loaded.rollout, start) and loaded.rollout.set_up == start.set_up
        return loaded if same else None

    def _reuse(self, loaded: Loaded) -> Rollout:
        if loaded.rollout.timing.launch != self.launch:
            self.reused[loaded.rollout.run] = loaded.rollout.timing.started
        return loaded.rollout

    def _say_who_is_waited_for(self, run: int, claim: Claim) -> None:
        if not self._waited:
            self._waited = True
            who = claim.holder() or "another process"
            self.note(f"{self.problems.name(run)} is being sampled by {who}: waits for it.")

    async def _sample(self, start: Rollout, claim: Claim) -> Rollout:
        with self.keeping():
            loaded = self._usable(start)
            if loaded is None:
                self.known.exchange(start, claim)
                loaded = self._usable(start)
            if loaded and loaded.damage:
                log.warning("Run %d: its record is damaged (%s), what can be trusted is kept", start.run, loaded.damage)
                what = f"its record is damaged ({loaded.damage}); what can be trusted is kept."
                self.note(f"{self.problems.name(start.run)}: {what}")
            if loaded and loaded.complete:  # finished by another process before we had the claim, or to be repaired
                if loaded.damage:
                    self.known.journal(start, loaded, claim, fsync=self._durable).close()
                return self._reuse(loaded)
        try:
            return await self._go_on(start, loaded, claim)
        except DivergedError as error:
            self.note(f"{self.problems.name(start.run)} starts over: {error}.")
            self._specs.pop(start.run, None)  # with its tools, which may remember what they were called with
            await self._begin(start.run)
            return await self._go_on(start, None, claim)

    async def _go_on(self, start: Rollout, loaded: Loaded | None, claim: Claim) -> Rollout:
        """Sample from the start, or from where the record ends."""
        recorded = loaded.rollout.turns if loaded else ()
        if loaded and recorded:
            self._reuse(loaded)
        for name in {turn.answered_by for turn in recorded} - {None}:
            self.answered[str(name)] = self.answered.get(str(name), 0) + 1
        with self.keeping():
            journal = await apart(partial(self.known.journal, start, loaded, claim, self.launch, self._durable))
        recorder = _Recorder(self, journal, start.run, len(recorded))
        spec = self.spec(start.run)
        files, (nudges, nudge) = files_of(spec), reminders(self.config.agent, spec)
        try:
            async with self.sandbox.session(seed=run_seed(self.config.runs.seed, start.run), files=files) as session:
                await recorder.keep(files[path] for path in start.artifacts)
                timing = loaded.rollout.timing if loaded else start.timing
                agent = Agent(
                    start=replace(start, turns=recorded, timing=timing, blobs=self.known.blobs),
                    tools=spec.tools,
                    model=self.model,
                    limits=self.limits,
                    session=session,
                    recorder=recorder,
                    sandbox=self.sandbox,
                    problem=self.problems.problem(start.run),
                    nudges=nudges,
                    nudge=nudge,
                    canary=canary(),
                )
                rollout = await agent.roll_out()
            if rollout.ending is not Ending.ERROR:  # an error's record stays open: the next launch goes on from it
                with self.keeping():
                    await apart(partial(journal.end, rollout))
            return rollout
        finally:
            self.budget.pay(recorder.bought, self.model)
            journal.close()


def _never_asked(rollout: Rollout) -> bool:
    """Whether a prompt did not fit the server's context: a larger one, or another setting, may take it."""
    return rollout.ending is Ending.CONTEXT_LIMIT and not rollout.turns


class _Recorder:
    """Writes the journal and tells who watches."""

    def __init__(self, source: RolloutSampler, journal: Journal, run: int, step: int) -> None:
        self.source, self.journal, self.run, self.step = source, journal, run, step
        self.bought: list[Turn] = []

    async def response(self, turn: Turn, seconds: float, waited: float) -> None:
        self.bought.append(turn)
        self.source.compare(turn)
        with self.source.keeping():
            await apart(partial(self.journal.response, turn, seconds, waited))
        self.step += 1
        if self.source.on_turn:
            self.source.on_turn(self.run, self.step, turn)

    async def reply(self, turn: Turn) -> None:
        with self.source.keeping():
            await apart(partial(self.journal.reply, turn))

    async def keep(self, contents: Iterable[bytes]) -> None:
        with self.source.keeping():
            keep = partial(artifacts.keep, self.source.known.blobs, list(contents), sync=self.source._durable)
            await apart(keep)

    def failed(self, attempt: FailedAttempt) -> None:
        with self.source.keeping():
            self.journal.failed(attempt)
        if self.source.on_failed:
            self.source.on_failed(self.run, attempt)
