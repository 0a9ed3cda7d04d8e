"""Selection of problems from a set by their passes and tries: three rules, each with what it promises.

`expected`: of all sets chosen so, on average at most the level is outside the band, problems taken as a sample.
`anytime`: the same without any assumption on the problems, however often one looks and however their results depend on
each other. `signal`: the problems that promise most groups of tries with mixed outcomes, and an interval for how many.
Sources: Efron (2010), "Large-Scale Inference", and Müller, Parmigiani, Robert & Rousseau (2004), "Optimal sample size
for multiple testing", J. Am. Stat. Assoc. 99 (mean posterior error); Wang & Ramdas (2022), "False discovery rate
control with e-values", J. R. Stat. Soc. B 84 (e-BH).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.stats.intervals import Interval
from evalkit.stats.selection_signal import interval, mixed_moments
from evalkit.stats.selection_spread import Posterior, checked, posterior
from evalkit.stats.verdict import Band

CAUTION = 0.5
"""`expected` adds so many standard deviations of the mean posterior error, over draws of the spread, to it."""


@dataclass(frozen=True)
class Selection:
    """Problems chosen by a rule; the lists have one entry for each problem, in the order of the counts."""

    rule: str
    chosen: list[bool]
    order: list[int]
    """The problem's place when sorted by the rule's criterion, from 1; ties keep the order of the counts."""
    in_band: list[float]
    """Posterior probability that the problem's rate is in the band."""
    rate: list[float]
    """Posterior mean of the rate."""
    signal: list[float]
    """Posterior mean of the chance that a group of tries has mixed outcomes."""
    error: float | None = None
    """`expected`: the bound of the mean posterior error of the chosen; 0 if none is chosen."""
    evidence: list[float] | None = None
    """`anytime`: the e-value of every problem against "its rate is outside the band"."""
    gives: Interval | None = None
    """`signal`: 95 % interval for the mean signal of the chosen, which repeated tries at them would show."""


def expected(counts: Sequence[tuple[int, int]], band: Band, level: float = 0.1, group: int = 8) -> Selection:
    """Choose as many problems as possible such that on average at most `level` of them are outside the band.

    Args:
        counts: passes and tries of every problem. When sampling stopped may depend on the results.
        band: the wanted rates.
        level: the share of false ones that is allowed among the chosen, 0 < level < 1.
        group: tries that are compared with each other in training, for `Selection.signal`.

    Raises:
        ValueError: for counts that are none, and a level or a group out of range.
    """
    _check(level, group)
    fitted = posterior(counts, band)
    chosen_cells, error = fewest_errors(1 - fitted.in_band(), fitted.problems, level)
    return _selection("expected", fitted, band, group, chosen_cells[fitted.cell], error=error)


def fewest_errors(errors: Any, problems: Any, level: float) -> tuple[Any, float]:
    """The largest set of cells whose mean error is at most `level` with `CAUTION`, and that mean.

    `errors` is (draws, cells), `problems` (cells,). Cells enter by their mean error, all problems of a cell together.
    """
    import numpy

    order = numpy.argsort(errors.mean(0), kind="stable")
    means = numpy.cumsum(errors[:, order] * problems[order], 1) / numpy.cumsum(problems[order])
    bounds = means.mean(0) + CAUTION * means.std(0)
    enough = numpy.flatnonzero(bounds <= level)
    chosen = numpy.zeros(len(problems), dtype=bool)
    if not len(enough):
        return chosen, 0.0
    chosen[order[: enough[-1] + 1]] = True
    return chosen, float(bounds[enough[-1]])


def anytime(counts: Sequence[tuple[int, int]], band: Band, level: float = 0.1, group: int = 8) -> Selection:
    """Choose problems by e-BH: at most `level` false ones on average, at every look, whatever the problems are.

    The arguments and errors are those of `expected`. Which problem gets how many tries, and when to stop, may depend on
    all results so far. What is assumed: the next try at a problem passes with the problem's own chance.
    """
    import numpy

    _check(level, group)
    table = checked(counts)
    logs = log_evidence_in_band(table[:, 0], table[:, 1], band)
    chosen = numpy.zeros(len(logs), dtype=bool)
    chosen[numpy.argsort(-logs, kind="stable")[: e_bh(logs, level)]] = True
    evidence = [math.exp(min(value, 700.0)) for value in logs.tolist()]
    return _selection("anytime", posterior(counts, band), band, group, chosen, evidence=evidence, key=-logs)


def log_evidence_in_band(passes: Any, tries: Any, band: Band) -> Any:
    """Log of the e-value of problems against "the rate is outside the band"; arrays that broadcast.

    Against each end of the band, the likelihood ratio of rates drawn uniformly from the band, which while the rate is
    beyond that end is a non-negative supermartingale (see `evidence`); the smaller of the two ratios is one for both.
    """
    import numpy
    from scipy.special import betainc, betaln, xlog1py, xlogy  # type: ignore[import-untyped]

    passes, tries = numpy.asarray(passes, dtype=float), numpy.asarray(tries, dtype=float)
    failures = tries - passes
    below, upto = (betainc(passes + 1, failures + 1, end) for end in (band.low, band.high))
    above, beyond = (betainc(failures + 1, passes + 1, 1 - end) for end in (band.low, band.high))
    # the difference of the smaller tails: that of two numbers near 1 would be rounding, and look like evidence
    mass = numpy.where(below > 0.5, above - beyond, upto - below)
    with numpy.errstate(divide="ignore"):
        mass = numpy.log(numpy.maximum(mass, 0))
    mixture = betaln(passes + 1, failures + 1) + mass - math.log(band.high - band.low)
    ends = [mixture - xlogy(passes, end) - xlog1py(failures, -end) for end in (band.low, band.high) if 0 < end < 1]
    return numpy.minimum.reduce(ends) if ends else numpy.full(passes.shape, numpy.inf)


def e_bh(logs: Any, level: float) -> int:
    """How many of the largest e-values e-BH accepts: the most k of which the k-th is at least problems / (k·level)."""
    import numpy

    ordered = numpy.sort(logs)[::-1]
    needed = math.log(len(logs) / level) - numpy.log(numpy.arange(1, len(logs) + 1))
    enough = numpy.flatnonzero(ordered >= needed)
    return int(enough[-1]) + 1 if len(enough) else 0


def signal(counts: Sequence[tuple[int, int]], band: Band, count: int, group: int = 8) -> Selection:
    """Choose the `count` problems of the largest expected training signal, 1 − pᴳ − (1−p)ᴳ for groups of G tries.

    The interval for what they will give allows for that they were chosen: see `selection_signal`. `band` only fills
    `in_band`.

    Raises:
        ValueError: for counts that are none, a group below 2, and a `count` that the set does not have.
    """
    import numpy

    _check(0.5, group)
    if not 1 <= count <= len(counts):
        raise ValueError(f"{count} of {len(counts)} problems cannot be chosen")
    fitted = posterior(counts, band)
    mean = mixed_moments(fitted, group).mean(0)[fitted.cell]
    chosen = numpy.zeros(len(mean), dtype=bool)
    chosen[numpy.argsort(-mean, kind="stable")[:count]] = True
    members = numpy.bincount(fitted.cell[chosen], minlength=len(fitted.problems))
    return _selection("signal", fitted, band, group, chosen, gives=interval(fitted, members, group), key=-mean)


def _selection(
    rule: str, fitted: Posterior, band: Band, group: int, chosen: Any, *, key: Any = None, **more: Any
) -> Selection:
    import numpy

    inside = fitted.in_band().mean(0)[fitted.cell]
    order = numpy.empty(len(chosen), dtype=int)
    order[numpy.argsort(-inside if key is None else key, kind="stable")] = numpy.arange(1, len(chosen) + 1)
    rate = fitted.means(lambda rates: rates).mean(0)[fitted.cell]
    mixed_share = mixed_moments(fitted, group).mean(0)[fitted.cell]
    return Selection(
        rule, chosen.tolist(), order.tolist(), inside.tolist(), rate.tolist(), mixed_share.tolist(), **more
    )


def _check(level: float, group: int) -> None:
    if not 0 < level < 1:
        raise ValueError(f"the level must be between 0 and 1, not {level}")
    if group < 2:
        raise ValueError(f"a group needs 2 tries or more, not {group}")
