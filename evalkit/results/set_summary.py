"""Summary of a set of problems: its rate in both meanings, how problems differ, and what they are worth in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from evalkit.results.problem_tallies import Tally
from evalkit.stats.intervals import Interval
from evalkit.stats.planning import best_split, what_more_buys
from evalkit.stats.problem_sets import About, Counts, SetInterval, like_these, these_problems
from evalkit.stats.spread import Components, components, histogram
from evalkit.stats.training_signal import set_pass_at_k, set_pass_hat_k, training_signal
from evalkit.stats.verdict import Band

ABOUT: Mapping[str, About] = {"these": "these", "like_these": "like_these"}


@dataclass(frozen=True)
class Estimate:
    """A value with its interval."""

    value: float | None
    """None where nothing tells it, or runs are unknown."""
    low: float
    high: float
    method: str
    """How the interval was made."""
    why: str = ""
    """Why so, as a sentence without its full stop."""

    @property
    def interval(self) -> Interval:
        """Its ends."""
        return Interval(self.low, self.high)


@dataclass(frozen=True)
class SetSummary:
    """What the runs of a set say besides their number. Everything is a plain value, and is in `summary.json`."""

    problems: int
    """Those with a try that passed or failed."""
    about: About
    """Which of both rates the verdict is about."""
    these: Estimate
    """The rate of exactly these problems: only tries are random."""
    like_these: Estimate
    """The rate of problems like these: the problems are a sample, too."""
    never: int
    """Problems at which every try failed, and problems at which every try passed."""
    always: int
    in_band: int
    """Problems whose observed rate lies in the band: with few tries, many of them by chance."""
    variance: Mapping[str, float] | None
    """`within` and `between` problems, `correlation` of two tries at one; None where they cannot be told apart."""
    group: int
    """Size of a training group."""
    signal: Estimate
    """The expected share of groups of so many tries that are neither all passed nor all failed."""
    pass_at_k: Mapping[int, Estimate]
    """Averaged over problems, like `pass_hat_k`."""
    pass_hat_k: Mapping[int, Estimate]
    histogram: Sequence[Mapping[str, float]]
    """Problems by observed rate: `low`, `high`, `problems`, and `alike`, how many chance alone would put there."""
    plans: Sequence[Mapping[str, Any]]
    """What was done and what more would buy: `name`, `problems`, `tries`, `half_width` of the interval."""

    @property
    def rate(self) -> Estimate:
        """The one that the verdict is about."""
        return self.these if self.about == "these" else self.like_these

    @property
    def meanings(self) -> list[tuple[str, Estimate]]:
        """Both rates with their names for people, the one that the verdict is about first."""
        both = [("these problems", self.these), ("problems like these", self.like_these)]
        return both if self.about == "these" else both[::-1]

    def stopped(self, interval: Interval) -> SetSummary:
        """The same where the results decided how many runs there are: `interval` is that of the sequence."""
        why = "it holds at every look; the verdict tests each end by itself"
        sequence = replace(self.rate, low=interval.low, high=interval.high, method="confidence sequence", why=why)
        name, other = ("these", "like_these") if self.about == "these" else ("like_these", "these")
        fixed = replace(getattr(self, other), why="it assumes that the number of runs was fixed beforehand")
        return replace(self, plans=(), **{name: sequence, other: fixed})

    def to_dict(self) -> dict[str, Any]:
        """As `summary.json` has it."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> SetSummary:
        """From its JSON."""
        known = dict(facts)
        for name in ("these", "like_these", "signal"):
            known[name] = Estimate(**known[name])
        for name in ("pass_at_k", "pass_hat_k"):
            known[name] = {int(k): Estimate(**value) for k, value in known[name].items()}
        return cls(**known)


def summarize_set(tallies: Sequence[Tally], *, band: Band, confidence: float, about: About, group: int) -> SetSummary:
    """The analysis of the tries at each problem. Unknown tries widen every interval to what they could have been."""
    worst, best = _extremes(tallies)
    known = [(tally.passed, tally.tries) for tally in tallies]
    rates = [tally.rate for tally in tallies if tally.rate is not None]
    fewest = min((tries for _, tries in known if tries), default=0)
    found = components(known)
    bars = histogram(known)
    return SetSummary(
        problems=len(rates),
        about=about,
        these=rate_over(tallies, "these", confidence),
        like_these=rate_over(tallies, "like_these", confidence),
        never=sum(rate == 0 for rate in rates),
        always=sum(rate == 1 for rate in rates),
        in_band=sum(rate in band for rate in rates),
        variance=_variance(found),
        group=group,
        signal=signal_over(tallies, group, confidence, about),
        pass_at_k={
            k: _over(worst, best, lambda counts, k=k: set_pass_at_k(counts, k, confidence, about=about))
            for k in _ks(fewest)
        },
        pass_hat_k={
            k: _over(worst, best, lambda counts, k=k: set_pass_hat_k(counts, k, confidence, about=about))
            for k in _ks(fewest)
        },
        histogram=[asdict(bar) for bar in bars.bars] if bars else [],
        plans=_plans(known, about, confidence, group),
    )


def _variance(found: Components | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {"within": found.within, "between": found.between, "correlation": found.correlation}


def rate_over(tallies: Sequence[Tally], about: About, confidence: float, *, errors: bool = False) -> Estimate:
    """The mean rate over problems in one of its meanings; `errors`: counted as failures."""
    worst, best = _extremes(tallies, errors=errors)
    interval = these_problems if about == "these" else like_these
    return _over(worst, best, lambda counts: interval(counts, confidence))


def _extremes(tallies: Sequence[Tally], *, errors: bool = False) -> tuple[Counts, Counts]:
    """Passes and tries of each problem with all unknown tries failed, and with all of them passed."""
    sizes = [tally.tries + tally.unknown + (tally.errors if errors else 0) for tally in tallies]
    worst = [(tally.passed, size) for tally, size in zip(tallies, sizes, strict=True)]
    best = [(tally.passed + tally.unknown, size) for tally, size in zip(tallies, sizes, strict=True)]
    return worst, best


def _over(worst: Counts, best: Counts, estimate: Any) -> Estimate:
    low: SetInterval = estimate(worst)
    if worst == best:
        return Estimate(low.estimate, low.low, low.high, low.method, low.why)
    high: SetInterval = estimate(best)
    why = "the interval covers whatever the unknown runs were"
    return Estimate(None, min(low.low, high.low), max(low.high, high.high), low.method, why)


def signal_over(tallies: Sequence[Tally], group: int, confidence: float, about: About) -> Estimate:
    """The training signal; not monotone in the rate, so unknown runs leave it between 0 and the higher end."""
    worst, best = _extremes(tallies)
    found = training_signal(worst, group, confidence, about=about)
    if worst != best:
        other = training_signal(best, group, confidence, about=about)
        return Estimate(None, 0.0, max(found.interval.high, other.interval.high, 1.0), "unknown runs")
    return Estimate(found.estimate, found.interval.low, found.interval.high, found.basis)


def _ks(tries: int) -> list[int]:
    """1, 2, 4, 8 … as far as every problem has so many tries."""
    return [1 << power for power in range(tries.bit_length())] if tries else []


def _plans(counts: Counts, about: About, confidence: float, group: int) -> list[dict[str, Any]]:
    found = components(counts)
    if found is None:
        return []
    now, tries, problems = what_more_buys(found, about, confidence)
    named = [("this launch", now)]
    named += [(f"{split.tries // now.tries}× the tries", split) for split in tries]
    named += [(f"{split.problems // now.problems}× the problems", split) for split in problems]
    if about == "like_these" and (best := best_split(found, now.runs, about, confidence, fewest_tries=2)):
        named.append(("best for as many runs", best))
    return [{"name": name, **asdict(split)} for name, split in named]
