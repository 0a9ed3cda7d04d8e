"""Stopping early: `runs.until=decided` samples until the band is decided, and says when that was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evalkit.config.schema import Config
from evalkit.results.runs import Outcome, Run
from evalkit.sampling.problem_set import ProblemSet
from evalkit.stats.intervals import Interval
from evalkit.stats.selection_policy import CAPS
from evalkit.stats.sequential import UntilDecided
from evalkit.stats.set_sequence import MeanSequence
from evalkit.stats.verdict import Band, Decision
from evalkit.util.text import counted


@dataclass(frozen=True)
class Stopping:
    """How a cell with `runs.until=decided` came to its end."""

    decision: Decision
    decided_at: int | None
    """The number of the run that decided; None if all were sampled and nothing was."""
    planned: int
    """`runs.max`: what a plan of fixed size would have sampled."""
    sampled: int
    """At least `decided_at`: cells that share their rollouts stop together."""
    each_side: float
    """The error that `TOO EASY` and `TOO HARD` are allowed each: all of it, or half where the band is too narrow."""
    unit: str = "run"
    """What is counted: of a set `round` (a try at every problem) or `problem` (every try at it)."""

    @property
    def saved(self) -> int:
        """Runs, rounds or problems that were not needed."""
        return self.planned - self.sampled

    def to_dict(self) -> dict[str, Any]:
        """As `summary.json` has it."""
        facts = {**asdict(self), "saved": self.saved}
        return facts if self.unit != "run" else {name: value for name, value in facts.items() if name != "unit"}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Stopping:
        """From its JSON."""
        return cls(
            Decision(facts["decision"]),
            facts["decided_at"],
            facts["planned"],
            facts["sampled"],
            facts["each_side"],
            facts.get("unit", "run"),
        )

    def __str__(self) -> str:
        if self.decided_at is None:
            return f"not decided after {counted(self.sampled, self.unit)} of at most {self.planned:,}"
        return f"decided after {counted(self.decided_at, self.unit)} of at most {self.planned:,}"


def planned(config: Config, *, several: bool) -> int:
    """The most tries that a cell may make at its only problem, or at each of `several`.

    Where the rate of problems like these is to be decided, it is the number of problems that is not fixed beforehand.
    """
    if config.runs.until == "selected":
        return most_tries(config)
    of_problems = several and config.band.about == "like_these"
    return config.runs.max if config.runs.until == "decided" and not of_problems else config.runs.count


def most_tries(config: Config) -> int:
    """The most tries that a problem may get before its set is chosen from: `runs.max`, or the rule's cap if less."""
    return min(config.runs.max, CAPS[config.select.rule])


class Watched:
    """When a cell has enough runs: once it is decided whatever its unknown runs were."""

    def __init__(self, band: Band, confidence: float, most: int | None = None) -> None:
        """`most`: how many runs there can be; None for any number."""
        self.confidence = confidence
        self._failed, self._passed = (UntilDecided(band, confidence, most) for _ in range(2))

    @property
    def each_side(self) -> float:
        """The error that `TOO EASY` and `TOO HARD` are allowed each."""
        return self._failed.each_side

    def take(self, run: Run) -> None:
        """One run's result; an error is none."""
        for decider, counts_as in ((self._failed, False), (self._passed, True)):
            decider.add(run.number, result_of(run, counts_as))

    @property
    def decision(self) -> Decision:
        """What is decided with all unknown runs failed, if it is the same with all of them passed."""
        one, other = self._failed.decision, self._passed.decision
        return one if one is other else Decision.UNDECIDED

    @property
    def decided_at(self) -> int | None:
        """The number of the run that decided."""
        ends = [decider.decided_at for decider in (self._failed, self._passed)]
        return None if self.decision is Decision.UNDECIDED else max(end for end in ends if end is not None)


class WatchedSet:
    """When a set has enough runs. A unit is all tries at a problem, or one round of tries at all problems."""

    def __init__(
        self, band: Band, confidence: float, problems: ProblemSet, tries: int, *, error: bool | None = None
    ) -> None:
        """`error`: what a run that ended by a fault counts as; None for nothing."""
        self.confidence, self.each_side = confidence, (1 - confidence) / 2
        self._band, self._problems, self._tries, self._error = band, problems, tries, error
        self._size = problems.unit_size(tries)
        self._failed, self._passed = (MeanSequence(band, confidence) for _ in range(2))
        self._waiting: dict[int, list[Run]] = {}
        self._next, self._decided = 1, 0

    def take(self, run: Run) -> None:
        """One run's result. Units count in their order, and one without any result says nothing."""
        self._waiting.setdefault(self._problems.unit(run.number), []).append(run)
        while len(self._waiting.get(self._next, ())) == self._size:
            runs = self._waiting.pop(self._next)
            if self.decision is Decision.UNDECIDED:
                for sequence, counts_as in ((self._failed, False), (self._passed, True)):
                    sequence.observe(*self._values([result_of(run, counts_as, self._error) for run in runs]))
                if self.decision is not Decision.UNDECIDED:
                    self._decided = self._next
            self._next += 1

    def _values(self, results: Sequence[bool | None]) -> list[float]:
        """What a unit says: a problem's rate, or the results of a round that none is missing of."""
        known = [float(result) for result in results if result is not None]
        if self._problems.by_rounds:
            return known if len(known) == len(results) else []
        return [sum(known) / len(known)] if known else []

    @property
    def decision(self) -> Decision:
        """What is decided with all unknown runs failed, if it is the same with all of them passed."""
        one, other = self._failed.decision, self._passed.decision
        return one if one is other else Decision.UNDECIDED

    @property
    def decided_at(self) -> int | None:
        """The number of the unit that decided."""
        return self._decided or None

    def stopping(self, runs: Sequence[Run]) -> Stopping:
        """How it came to its end, counted in units."""
        rounds = self._problems.by_rounds
        planned = self._tries if rounds else len(self._problems)
        sampled = len({self._problems.unit(run.number) for run in runs})
        unit = "round" if rounds else "problem"
        return Stopping(self.decision, self.decided_at, planned, sampled, self.each_side, unit)

    def with_errors_failed(self, runs: Sequence[Run]) -> WatchedSet:
        """The same of these runs, with errors counted as failures."""
        other = WatchedSet(self._band, self.confidence, self._problems, self._tries, error=False)
        for run in runs:
            other.take(run)
        return other

    @property
    def interval(self) -> Interval:
        """Of the rate, at whichever look, whatever the unknown runs were."""
        one, other = self._failed.interval, self._passed.interval
        return Interval(min(one.low, other.low), max(one.high, other.high))


def result_of(run: Run, unknown: bool, error: bool | None = None) -> bool | None:
    return {Outcome.UNKNOWN: unknown, Outcome.ERROR: error}.get(run.outcome, run.outcome is Outcome.PASSED)


def watch(config: Config, problems: ProblemSet) -> Watched | WatchedSet | None:
    """What decides when a cell has enough runs; None if their number is fixed."""
    if config.runs.until != "decided":
        return None
    band = Band(config.band.low, config.band.high)
    if problems.several:
        return WatchedSet(band, config.band.confidence, problems, planned(config, several=True))
    return Watched(band, config.band.confidence, config.runs.max)
