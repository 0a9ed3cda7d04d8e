"""Results of two launches: rates with interval and exact test, tokens, cost, endings, categories, flipped runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.diff.pairs import PairedBy, Pairing, identity
from evalkit.diff.problems import POWER, SetDifference, compare_problems, set_rate
from evalkit.results.reading import RunRecord
from evalkit.results.runs import Outcome
from evalkit.results.summary import Rate, mean
from evalkit.stats.comparisons import (
    Comparison,
    compare_independent,
    compare_paired,
    paired_runs_to_tell_apart,
    runs_to_tell_apart,
)
from evalkit.stats.intervals import Interval
from evalkit.stats.problem_sets import About


@dataclass(frozen=True)
class Figures:
    """One side, counted."""

    runs: int
    errors: int
    rate: Rate
    """Over the runs without errors, with its Wilson interval."""
    mean_tokens: float | None
    mean_steps: float | None
    cost_usd: float | None
    """Of all runs; None where the price of any is unknown."""
    mean_seconds: float | None
    reused: int
    """Runs whose rollouts another launch sampled."""
    endings: Mapping[str, int]
    failures: Mapping[str, int]
    """How often each failure reason occurred, most frequent first."""


@dataclass(frozen=True)
class Flip:
    """A run on the same conversation, or the same problem, whose outcome differs."""

    run: int
    old: Outcome
    new: Outcome
    old_message: str
    new_message: str
    problem: str | None = None
    attempt: int | None = None


@dataclass(frozen=True)
class Pairs:
    """Runs with a partner that both sides graded: how many pass on both sides, on one of them, on none."""

    both: int
    only_old: int
    only_new: int
    neither: int

    @classmethod
    def of(cls, pairs: Sequence[tuple[RunRecord, RunRecord]]) -> Pairs:
        """Count; a pair with an error or an unknown run on either side is none."""
        count = Counter((one.passed, other.passed) for one, other in pairs)
        return cls(count[True, True], count[True, False], count[False, True], count[False, False])

    @property
    def total(self) -> int:
        """All of them."""
        return self.both + self.only_old + self.only_new + self.neither


@dataclass(frozen=True)
class Outcomes:
    """Two sides and how they differ."""

    old: Figures
    new: Figures
    shared: int
    """Runs that rest on the same conversation on both sides."""
    paired_by: PairedBy | None
    """What makes a run of one side the partner of one of the other; None: the sides are independent."""
    pairs: Pairs | None
    """None where the sides are independent."""
    comparison: Comparison
    """McNemar's test on the pairs where there are any; else an exact test on all runs."""
    confidence: float
    runs_needed: int | None
    """Runs a side (pairs where the test is paired) that would tell a difference as large as the observed one
    from chance with probability `POWER`; None where the rates are equal."""
    flips: tuple[Flip, ...]
    changed_runs: tuple[int, ...]
    """Runs whose facts differ in any way, those that only one side has included."""
    set: SetDifference | None = None
    """Of two launches over sets: how they differ by problem, in pairs where they have problems in common."""

    @property
    def differ(self) -> bool:
        """Whether any fact of any run differs."""
        return bool(self.changed_runs)

    @property
    def unknown(self) -> int:
        """Runs of both sides of which nobody knows whether they passed: with any, nothing is tested."""
        return self.old.rate.unknown + self.new.rate.unknown

    @property
    def tells(self) -> bool:
        """Whether the test tells the difference of the rates from chance."""
        return not self.unknown and self.comparison.differs(self.confidence)

    @property
    def differences(self) -> Interval:
        """The observed difference of the rates, whatever the unknown runs were; its ends are equal without any."""
        old, new = self.old.rate.range, self.new.rate.range
        if not self.unknown or old is None or new is None:
            return Interval(self.comparison.difference, self.comparison.difference)
        return Interval(new.low - old.high, new.high - old.low)


def compare_outcomes(
    old: Sequence[RunRecord],
    new: Sequence[RunRecord],
    pairing: Pairing,
    confidence: float,
    about: About = "these",
) -> Outcomes:
    """Count both sides and test, in pairs where `pairing` has any. `about`: of sets, what their rates are of."""
    before, after = {identity(run): run for run in old}, {identity(run): run for run in new}
    numbers = set(pairing.numbers)
    partners = [(before[identity(run)], run) for run in new if run.number in numbers]
    common = pairing.common
    by_problem = compare_problems(old, new, common, confidence) if common else None
    pairs = Pairs.of(partners) if pairing.by and (pairing.shared or not common) else None
    if by_problem and not pairs:
        comparison, needed = _of_set(by_problem), by_problem.problems_needed
    else:
        comparison, needed = _paired(pairs, confidence) if pairs else _independent(old, new, confidence)
    if any(run.outcome is Outcome.UNKNOWN for run in (*old, *new)):
        comparison, needed = replace(comparison, p_value=1.0), None
    return Outcomes(
        old=figures(old, confidence, about if common else None),
        new=figures(new, confidence, about if common else None),
        shared=pairing.shared,
        paired_by=pairing.by,
        pairs=pairs,
        comparison=comparison,
        confidence=confidence,
        runs_needed=needed,
        flips=tuple(
            Flip(one.number, one.outcome, other.outcome, one.message, other.message, one.problem, one.attempt)
            for one, other in partners
            if one.outcome is not other.outcome
        ),
        changed_runs=_changed(before, after),
        set=by_problem,
    )


def _changed(before: Mapping[Any, RunRecord], after: Mapping[Any, RunRecord]) -> tuple[int, ...]:
    """Numbers of runs whose facts differ, or that one side lacks; where both have it, the number on the second."""
    both = {**before, **after}
    lonely = [both[name].number for name in before.keys() ^ after.keys()]
    differing = [
        after[name].number for name in before.keys() & after.keys() if _facts(before[name]) != _facts(after[name])
    ]
    return tuple(sorted({*lonely, *differing}))


def _of_set(found: SetDifference) -> Comparison:
    """The comparison by problem as one of two rates; without a common try it tells nothing."""
    by = found.comparison
    return Comparison(by.difference or 0.0, by.interval, by.p_value, by.method)


def _facts(run: RunRecord) -> str:
    """Everything but place, times and provenance, as text: a check whose value is NaN equals itself."""
    return repr(run.replace(number=1, folder=Path(), measurement=None, seconds=None, reused=False))


def _paired(pairs: Pairs, confidence: float) -> tuple[Comparison, int | None]:
    comparison = compare_paired(pairs.both, pairs.only_old, pairs.only_new, pairs.neither, confidence)
    if pairs.only_old == pairs.only_new:
        return comparison, None
    shares = pairs.only_old / pairs.total, pairs.only_new / pairs.total
    return comparison, paired_runs_to_tell_apart(*shares, confidence, POWER)


def _independent(
    old: Sequence[RunRecord], new: Sequence[RunRecord], confidence: float
) -> tuple[Comparison, int | None]:
    one, other = figures(old, confidence).rate, figures(new, confidence).rate
    comparison = compare_independent(one.passed, one.runs, other.passed, other.runs, confidence)
    if one.value is None or other.value is None or one.value == other.value:
        return comparison, None
    return comparison, runs_to_tell_apart(one.value, other.value, confidence, POWER)


def figures(runs: Sequence[RunRecord], confidence: float, about: About | None = None) -> Figures:
    """One side, counted. Means leave errors and unknown runs out. `about`: of a set, what its rate is of."""
    graded = [run for run in runs if run.passed is not None]
    unknown = sum(run.outcome is Outcome.UNKNOWN for run in runs)
    costs = [run.cost_usd for run in runs]
    seconds = [run.seconds for run in graded if run.seconds is not None]
    reasons = Counter(run.label or run.category or "unknown" for run in graded if not run.passed)
    rate = Rate.of(sum(run.passed is True for run in graded), len(graded) + unknown, confidence, unknown)
    return Figures(
        runs=len(runs),
        errors=len(runs) - len(graded) - unknown,
        rate=set_rate(rate, runs, about, confidence) if about else rate,
        mean_tokens=mean([run.output_tokens for run in graded]),
        mean_steps=mean([run.steps for run in graded]),
        cost_usd=None if None in costs else math.fsum(cost for cost in costs if cost is not None),
        mean_seconds=mean(seconds),
        reused=sum(run.reused for run in runs),
        endings=dict(sorted(Counter(run.ending.value for run in runs).items(), key=_often)),
        failures=dict(sorted(reasons.items(), key=_often)),
    )


def _often(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]
