"""What came of two launches: rates with interval and exact test, tokens, cost, endings, categories, flipped runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from evalkit import deepjson
from evalkit.analysis import Rate
from evalkit.results import CellRecord, RunRecord
from evalkit.run import Outcome
from evalkit.stats.comparisons import (
    Comparison,
    compare,
    compare_paired,
    paired_runs_to_tell_apart,
    runs_to_tell_apart,
)

POWER = 0.8
"""Of the number of runs that is said to tell a difference from chance."""


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
    """A run on the same conversation whose outcome differs."""

    run: int
    old: Outcome
    new: Outcome
    old_message: str
    new_message: str


@dataclass(frozen=True)
class Outcomes:
    """Two sides and how they differ."""

    old: Figures
    new: Figures
    shared: int
    """Runs that rest on the same conversation on both sides."""
    comparison: Comparison
    """McNemar's test on the shared runs where there are any; else an exact test on all runs."""
    confidence: float
    runs_needed: int | None
    """Runs a side (shared ones where the test is paired) that would tell a difference as large as the observed one
    from chance with probability `POWER`; None where the rates are equal."""
    flips: tuple[Flip, ...]
    changed_runs: tuple[int, ...]
    """Runs whose facts differ in any way, those that only one side has included."""

    @property
    def differ(self) -> bool:
        """Whether any fact of any run differs."""
        return bool(self.changed_runs)

    @property
    def tells(self) -> bool:
        """Whether the test tells the difference of the rates from chance."""
        return self.comparison.differs(self.confidence)


def compare_outcomes(
    old: Sequence[RunRecord], new: Sequence[RunRecord], shared: Iterable[int], confidence: float
) -> Outcomes:
    """Count both sides and test. `shared`: numbers of the runs whose conversation is the same on both sides."""
    before, after = {run.number: run for run in old}, {run.number: run for run in new}
    pairs = [(before[number], after[number]) for number in sorted(shared)]
    comparison, needed = _test(old, new, pairs, confidence)
    return Outcomes(
        old=figures(old, confidence),
        new=figures(new, confidence),
        shared=len(pairs),
        comparison=comparison,
        confidence=confidence,
        runs_needed=needed,
        flips=tuple(
            Flip(one.number, one.outcome, other.outcome, one.message, other.message)
            for one, other in pairs
            if one.outcome is not other.outcome
        ),
        changed_runs=tuple(
            number
            for number in sorted(before | after)
            if number not in before or number not in after or _facts(before[number]) != _facts(after[number])
        ),
    )


def _facts(run: RunRecord) -> str:
    """Everything but times and provenance, as text: a check whose value is NaN equals itself."""
    return repr(replace(run, seconds=None, reused=False))


def _test(
    old: Sequence[RunRecord], new: Sequence[RunRecord], pairs: Sequence[tuple[RunRecord, RunRecord]], confidence: float
) -> tuple[Comparison, int | None]:
    verdicts = Counter((one.passed, other.passed) for one, other in pairs if None not in (one.passed, other.passed))
    if pairs:
        both, only_old = verdicts[True, True], verdicts[True, False]
        only_new, neither = verdicts[False, True], verdicts[False, False]
        paired = compare_paired(both, only_old, only_new, neither, confidence)
        total = sum(verdicts.values())
        if only_old == only_new:
            return paired, None
        return paired, paired_runs_to_tell_apart(only_old / total, only_new / total, confidence, POWER)
    one, other = figures(old, confidence).rate, figures(new, confidence).rate
    independent = compare(one.passed, one.runs, other.passed, other.runs, confidence)
    if one.value is None or other.value is None or one.value == other.value:
        return independent, None
    return independent, runs_to_tell_apart(one.value, other.value, confidence, POWER)


def figures(runs: Sequence[RunRecord], confidence: float) -> Figures:
    """One side, counted. Means leave runs with errors out."""
    graded = [run for run in runs if run.passed is not None]
    costs = [run.cost_usd for run in runs]
    seconds = [run.seconds for run in graded if run.seconds is not None]
    reasons = Counter(run.label or run.category or "unknown" for run in graded if not run.passed)
    return Figures(
        runs=len(runs),
        errors=len(runs) - len(graded),
        rate=Rate.of(sum(run.passed is True for run in graded), len(graded), confidence),
        mean_tokens=_mean([run.output_tokens for run in graded]),
        mean_steps=_mean([run.steps for run in graded]),
        cost_usd=None if None in costs else math.fsum(cost for cost in costs if cost is not None),
        mean_seconds=_mean(seconds),
        reused=sum(run.reused for run in runs),
        endings=dict(sorted(Counter(run.ending.value for run in runs).items(), key=_often)),
        failures=dict(sorted(reasons.items(), key=_often)),
    )


def _often(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def shared_runs(old: CellRecord, new: CellRecord) -> list[int]:
    """Runs that rest on the same conversation: of the same rollout key, with the same first response.

    The key alone does not say it, because two machines can sample under one key; the response carries the
    provider's id. One conversation may be cut earlier than the other.
    """
    if old.rollout_set.partition("/")[0] != new.rollout_set.partition("/")[0]:
        return []
    theirs = {run.number: run for run in new.runs}
    numbers = [run.number for run in old.runs if run.number in theirs]
    mine = {run.number: run for run in old.runs}
    return [number for number in numbers if _same_start(mine[number].path, theirs[number].path)]


def _same_start(one: Path, other: Path) -> bool:
    first = _first_response(one)
    return first is not None and first == _first_response(other)


def _first_response(path: Path) -> Any:
    """The first response of a rollout file, None if there is none. The file as a whole is checked when it is shown."""
    try:
        with path.open(encoding="utf-8", errors="surrogatepass") as file:
            line = next(islice(file, 1, None), "")
        return deepjson.loads(line).get("response") if line else None
    except (OSError, ValueError):
        return None
