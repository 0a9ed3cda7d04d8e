"""Tallies: what became of the tries at each problem of a set, a line each in `problems.jsonl`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from evalkit.results.failures import Failure
from evalkit.results.runs import Outcome, Run
from evalkit.stats.intervals import Interval, wilson_range
from evalkit.util.records import OF_SHARES, Amount, Count, Record, Share


class ProblemLine(Record, frozen=True, kw_only=True):
    """The tries at one problem of a set. Lines are in the order of the problems."""

    problem: str
    """Its id."""
    rate: Share | None
    """Passed of tries; null without a try that passed or failed."""
    passed: Count
    tries: Count
    """Passed and failed ones."""
    unknown: Count
    errors: Count
    interval: Annotated[Interval, OF_SHARES]
    """Of the rate (Wilson), whatever the unknown tries were."""
    mean_output_tokens: Amount | None
    failures: Mapping[str, Count]
    """Label of a failure → how often."""


@dataclass
class Tally:
    """The tries at one problem."""

    problem: str
    """Its id."""
    passed: int = 0
    failed: int = 0
    unknown: int = 0
    errors: int = 0
    output_tokens: int = 0
    """Of the passed and failed tries together."""
    categories: Counter[str] = field(default_factory=Counter)
    """Label of a failure → how often."""

    @property
    def tries(self) -> int:
        """Those that say something: passed or failed."""
        return self.passed + self.failed

    @property
    def rate(self) -> float | None:
        """The share that passed; None without a try that says something."""
        return self.passed / self.tries if self.tries else None

    @property
    def mean_tokens(self) -> float | None:
        """Output tokens a try."""
        return self.output_tokens / self.tries if self.tries else None

    def interval(self, confidence: float) -> Interval:
        """Of the pass rate (Wilson), whatever the unknown tries were."""
        return wilson_range(self.passed, self.unknown, self.tries + self.unknown, confidence)

    def add(self, run: Run, label: str) -> None:
        """Count one try. `label`: what it is called in the failure table, if it failed."""
        match run.outcome:
            case Outcome.ERROR:
                self.errors += 1
                return
            case Outcome.UNKNOWN:
                self.unknown += 1
                return
            case Outcome.PASSED:
                self.passed += 1
            case Outcome.FAILED:
                self.failed += 1
                self.categories[label] += 1
        self.output_tokens += run.rollout.output_tokens

    def line(self, confidence: float) -> ProblemLine:
        """What `problems.jsonl` says of it."""
        return ProblemLine(
            problem=self.problem,
            rate=self.rate,
            passed=self.passed,
            tries=self.tries,
            unknown=self.unknown,
            errors=self.errors,
            interval=self.interval(confidence),
            mean_output_tokens=self.mean_tokens,
            failures=dict(sorted(self.categories.items(), key=lambda each: (-each[1], each[0]))),
        )


def tallies(runs: Iterable[Run], failures: Iterable[Failure]) -> list[Tally]:
    """The tally of each problem, in the order of its first run; `failures`: the rows of the failure table."""
    labels = {number: row.label for row in failures for number in row.runs}
    found: dict[str, Tally] = {}
    for run in runs:
        if run.problem is not None:
            found.setdefault(run.problem, Tally(run.problem)).add(run, labels.get(run.number, ""))
    return list(found.values())


class Tried(Protocol):
    """A run, fresh or read back."""

    @property
    def problem(self) -> str | None:
        """Id of its problem; None where the task has but one."""

    @property
    def outcome(self) -> Outcome:
        """What became of it."""


def outcome_tallies(runs: Iterable[Tried]) -> dict[str, Tally]:
    """Outcomes alone by problem, in the order of the first run at each; no tokens and no categories."""
    found: dict[str, Tally] = {}
    for run in runs:
        if run.problem is not None:
            tally = found.setdefault(run.problem, Tally(run.problem))
            tally.passed += run.outcome is Outcome.PASSED
            tally.failed += run.outcome is Outcome.FAILED
            tally.unknown += run.outcome is Outcome.UNKNOWN
            tally.errors += run.outcome is Outcome.ERROR
    return found
