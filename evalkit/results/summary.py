"""Summary of graded runs: `summarize` and the `Summary` it makes. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

from evalkit.results.early_stopping import Stopping
from evalkit.results.failures import NO_SUBMISSION, Failure, failure_label
from evalkit.results.problem_tallies import Tally, tallies
from evalkit.results.runs import Outcome, Run
from evalkit.results.set_summary import ABOUT, SetSummary, rate_over, summarize_set
from evalkit.results.warnings import cautions
from evalkit.rollout.record import Ending
from evalkit.sampling.provenance import Reused
from evalkit.stats.homogeneity import homogeneity
from evalkit.stats.intervals import Interval, wilson_range
from evalkit.stats.passk import pass_at_k, pass_at_k_interval, pass_hat_k, pass_hat_k_interval
from evalkit.stats.problem_sets import About
from evalkit.stats.verdict import Band, Verdict, decide, verdict


@dataclass(frozen=True)
class Rate:
    """A pass rate with its Wilson interval; a range of rates where the outcome of some runs is unknown."""

    passed: int
    runs: int
    """Unknown ones included."""
    interval: Interval
    """Covers whatever the unknown runs were."""
    unknown: int = 0
    mean: float | None = None
    """Of a set: the mean of its problems' rates, which differs from passed of all where problems have unequal tries."""

    @classmethod
    def of(cls, passed: int, runs: int, confidence: float, unknown: int = 0) -> Rate:
        """Count and measure."""
        return cls(passed, runs, wilson_range(passed, unknown, runs, confidence), unknown)

    @property
    def value(self) -> float | None:
        """Passed of all; None of nothing, and where it is only known to lie in `range`."""
        if not self.runs or self.unknown:
            return None
        return self.passed / self.runs if self.mean is None else self.mean

    @property
    def range(self) -> Interval | None:
        """The rate with all unknown runs failed, and with all of them passed; None of nothing."""
        if self.mean is not None and not self.unknown:
            return Interval(self.mean, self.mean)
        return Interval(self.passed / self.runs, (self.passed + self.unknown) / self.runs) if self.runs else None

    def within(self, band: Band) -> bool:
        """Whether the observed rate lies in the band, whatever the unknown runs were."""
        return self.range is not None and self.range.within(Interval(band.low, band.high))

    def to_dict(self) -> dict[str, Any]:
        """As `summary.json` has it."""
        return {
            "rate": self.value,
            "range": asdict(self.range) if self.range else None,
            "passed": self.passed,
            "unknown": self.unknown,
            "runs": self.runs,
            "interval": asdict(self.interval),
        }


@dataclass(frozen=True)
class Unknown:
    """Runs that were clipped to limits under which their record does not tell what would have happened."""

    reason: str
    runs: tuple[int, ...]


@dataclass(frozen=True)
class Stability:
    """How much the pass rate moved between consecutive batches of the runs."""

    rates: tuple[float, ...]
    """One a batch; a batch in which every run was an error has none."""
    std: float
    """Sample standard deviation of the rates."""
    expected: float
    """Standard deviation that chance alone gives batches of this size at the pooled rate."""
    p_value: float | None
    """How likely batches of one rate differ as much by chance alone: `evalkit.stats.homogeneity`.

    None where the results decided how many runs there are.
    """


@dataclass(frozen=True)
class Summary:
    """The analysis of the runs of one cell. Rates are shares between 0 and 1; None where nothing was observed."""

    total: int
    passed: int
    failed: int
    errors: int
    confidence: float
    band: Band
    rate: Rate
    """Over the runs without errors."""
    rate_with_errors: Rate
    """Errors counted as failures."""
    verdict: Verdict
    failures: tuple[Failure, ...]
    """Most frequent first; ties in the order of the task's categories."""
    error_runs: tuple[int, ...]
    endings: Mapping[str, int]
    mean_tokens: float | None
    """Output tokens a run, errors and unknown runs left out."""
    mean_steps: float | None
    mean_score: float | None
    total_tokens: int
    """Output tokens of every run, errors included: what was paid for."""
    cost_usd: float | None
    """Of every run; None if the price of any is unknown."""
    tool_errors: int
    leaked: tuple[int, ...]
    problems: int
    """How many different questions the graded runs were asked: 1, unless every run has a problem of its own."""
    pass_at_k: Mapping[int, float]
    """Empty where the runs were asked different questions: k tries at one say nothing about another."""
    pass_hat_k: Mapping[int, float]
    stability: Stability | None
    warnings: tuple[str, ...]
    unknown: tuple[Unknown, ...] = ()
    """Runs of which nobody knows whether they passed under these limits, by the reason."""
    stopping: Stopping | None = None
    """With `runs.until=decided`: when it stopped. Verdict and interval are then those of the confidence sequence."""
    reused: Reused = field(default_factory=Reused)
    """Runs whose rollouts other launches sampled."""
    seconds: tuple[float, ...] = field(default=(), compare=False)
    """Wall clock of every run whose time is known, in seconds."""
    set: SetSummary | None = None
    """Of a task with several problems. `rate` has the interval and `verdict` the meaning that it names."""

    def of_k(self) -> dict[str, dict[int, Interval]]:
        """Intervals of `pass_at_k` and `pass_hat_k` by name and k, from that of the rate."""
        rate = self.rate.interval
        return {
            "pass_at_k": {k: pass_at_k_interval(rate, k, value) for k, value in self.pass_at_k.items()},
            "pass_hat_k": {k: pass_hat_k_interval(rate, k, value) for k, value in self.pass_hat_k.items()},
        }

    @property
    def coverage(self) -> float | None:
        """The share of runs that say something about the model: those that are not errors."""
        return self.rate.runs / self.total if self.total else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON for `summary.json`. Holds no times, so that the same inputs give the same bytes."""
        return {
            "runs": self.total,
            "passed": self.passed,
            "failed": self.failed,
            "errors": self.errors,
            "error_runs": list(self.error_runs),
            "unknown": [{"reason": each.reason, "runs": list(each.runs)} for each in self.unknown],
            "coverage": self.coverage,
            "confidence": self.confidence,
            "band": asdict(self.band),
            "pass_rate": self.rate.to_dict(),
            "pass_rate_errors_as_failures": self.rate_with_errors.to_dict(),
            "verdict": {"decision": self.verdict.decision.value, "more_runs": self.verdict.more_runs},
            "failures": [
                {"label": row.label, "count": row.count, "share": row.share, "runs": list(row.runs)}
                for row in self.failures
            ],
            "endings": dict(self.endings),
            "mean_output_tokens": self.mean_tokens,
            "total_output_tokens": self.total_tokens,
            "mean_steps": self.mean_steps,
            "mean_score": self.mean_score,
            "cost_usd": self.cost_usd,
            "tool_errors": self.tool_errors,
            "leaked_runs": list(self.leaked),
            "reused_runs": list(self.reused.runs),
            "problems": self.problems,
            "pass_at_k": {str(k): value for k, value in self.pass_at_k.items()},
            "pass_hat_k": {str(k): value for k, value in self.pass_hat_k.items()},
            **{
                f"{name}_intervals": {str(k): asdict(interval) for k, interval in found.items()}
                for name, found in self.of_k().items()
            },
            "stability": asdict(self.stability) if self.stability else None,
            "stopping": self.stopping.to_dict() if self.stopping else None,
            "warnings": list(self.warnings),
            **({"set": self.set.to_dict()} if self.set else {}),
        }

    def times(self) -> dict[str, Any]:
        """As JSON for `timing.json`: wall clock of a run in seconds."""
        return {
            "timed_runs": len(self.seconds),
            "mean_s": math.fsum(self.seconds) / len(self.seconds) if self.seconds else None,
            "p95_s": percentile(self.seconds, 0.95),
            "max_s": max(self.seconds, default=None),
        }


def summarize(
    runs: Sequence[Run],
    *,
    band: Band,
    confidence: float,
    categories: Mapping[str, str],
    batches: int = 1,
    seconds: Mapping[int, float] | None = None,
    reused: Reused | None = None,
    about: str = "these",
    group: int = 8,
) -> Summary:
    """Count, estimate and decide.

    `categories`: the task's titles; `seconds`: wall clock by run number; `about`, `group`: `band.about`, `band.group`.
    """
    runs = sorted(runs, key=lambda run: run.number)
    graded = [run for run in runs if run.outcome is not Outcome.ERROR]
    passed = sum(run.outcome is Outcome.PASSED for run in graded)
    known = [run for run in graded if run.outcome is not Outcome.UNKNOWN]
    unknown = len(graded) - len(known)
    failures = _failures(graded, categories)
    ks = _ks(len(known)) if (problems := _problems(graded)) == 1 and not unknown else []
    summary = Summary(
        total=len(runs),
        passed=passed,
        failed=len(known) - passed,
        errors=len(runs) - len(graded),
        confidence=confidence,
        band=band,
        rate=Rate.of(passed, len(graded), confidence, unknown),
        rate_with_errors=Rate.of(passed, len(runs), confidence, unknown),
        verdict=verdict(passed, len(graded), band, confidence, unknown),
        failures=failures,
        error_runs=tuple(run.number for run in runs if run.outcome is Outcome.ERROR),
        endings=_endings(runs),
        mean_tokens=mean([run.rollout.output_tokens for run in known]),
        mean_steps=mean([run.rollout.steps for run in known]),
        mean_score=mean([run.grade.score for run in graded if run.grade and run.grade.score is not None]),
        total_tokens=sum(run.rollout.output_tokens for run in runs),
        cost_usd=_cost(runs),
        tool_errors=sum(run.rollout.tool_errors for run in runs),
        leaked=tuple(run.number for run in runs if run.rollout.leaked),
        problems=problems,
        pass_at_k={k: pass_at_k(passed, len(known), k) for k in ks},
        pass_hat_k={k: pass_hat_k(passed, len(known), k) for k in ks},
        stability=None if unknown else _stability(runs, batches),
        warnings=cautions(runs, failures),
        unknown=_unknown(graded),
        reused=(reused or Reused()).among(run.number for run in runs),
        seconds=tuple((seconds or {})[run.number] for run in runs if run.number in (seconds or {})),
    )
    each = tallies(runs, failures)
    return _over_problems(summary, each, ABOUT[about], group) if each else summary


def _over_problems(summary: Summary, each: Sequence[Tally], about: About, group: int) -> Summary:
    """The summary of a set: every problem weighs the same, and verdict and interval are of the rate that is meant."""
    of_set = summarize_set(each, band=summary.band, confidence=summary.confidence, about=about, group=group)
    with_errors = rate_over(each, about, summary.confidence, errors=True)
    return replace(
        summary,
        rate=replace(summary.rate, interval=of_set.rate.interval, mean=of_set.rate.value),
        rate_with_errors=replace(summary.rate_with_errors, interval=with_errors.interval, mean=with_errors.value),
        verdict=Verdict(decide(of_set.rate.interval, summary.band)),
        problems=len(each),
        pass_at_k={},
        pass_hat_k={},
        stability=None,
        set=of_set,
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The `share` quantile, linear between order statistics (Hyndman & Fan's type 7, NumPy's default)."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _failures(graded: Sequence[Run], categories: Mapping[str, str]) -> tuple[Failure, ...]:
    failed = [run for run in graded if run.outcome is Outcome.FAILED]
    order = [*categories.values(), *NO_SUBMISSION.values(), "No submission"]
    table: dict[str, list[int]] = {}
    for run in failed:
        table.setdefault(failure_label(run, categories), []).append(run.number)

    def rank(label: str) -> tuple[int, int, str]:
        return -len(table[label]), order.index(label) if label in order else len(order), label

    return tuple(
        Failure(label, tuple(table[label]), len(table[label]) / len(graded)) for label in sorted(table, key=rank)
    )


def _cost(runs: Sequence[Run]) -> float | None:
    costs = [run.cost_usd for run in runs]
    return None if None in costs else math.fsum(cost for cost in costs if cost is not None)


def _unknown(graded: Sequence[Run]) -> tuple[Unknown, ...]:
    reasons: dict[str, list[int]] = {}
    for run in graded:
        if run.outcome is Outcome.UNKNOWN:
            reasons.setdefault(run.error, []).append(run.number)
    return tuple(Unknown(reason, tuple(numbers)) for reason, numbers in reasons.items())


def _endings(runs: Sequence[Run]) -> dict[str, int]:
    found = Counter(run.rollout.ending for run in runs)
    return {ending.value: found[ending] for ending in Ending if found[ending]}


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def _problems(graded: Sequence[Run]) -> int:
    """How many different questions: what the model is shown, and the files that it finds."""
    if graded and graded[0].problem is not None:
        return len({run.problem for run in graded})
    asked = {
        json.dumps([run.rollout.prompt, run.rollout.system, run.rollout.tools, run.rollout.set_up], sort_keys=True)
        for run in graded
    }
    return len(asked)


def _ks(runs: int) -> list[int]:
    """1, 2, 4, 8 … as far as half of the runs: beyond it the estimate rests on a handful of draws."""
    return [1 << power for power in range(runs.bit_length()) if 1 << power <= max(1, runs // 2)] if runs else []


def _stability(runs: Sequence[Run], batches: int) -> Stability | None:
    if batches < 2 or len(runs) < batches:
        return None
    edges = [len(runs) * i // batches for i in range(batches + 1)]
    counts = []
    for start, end in pairwise(edges):
        graded = [run for run in runs[start:end] if run.outcome is not Outcome.ERROR]
        if graded:
            counts.append((sum(run.outcome is Outcome.PASSED for run in graded), len(graded)))
    if len(counts) < 2:
        return None
    rates = tuple(passed / size for passed, size in counts)
    centre = math.fsum(rates) / len(rates)
    std = math.sqrt(math.fsum((rate - centre) ** 2 for rate in rates) / (len(rates) - 1))
    pooled = sum(passed for passed, _ in counts) / sum(size for _, size in counts)
    expected = math.sqrt(pooled * (1 - pooled) * math.fsum(1 / size for _, size in counts) / len(counts))
    return Stability(rates, std, expected, homogeneity(counts))
