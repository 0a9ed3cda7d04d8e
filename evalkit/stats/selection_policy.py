"""How many more tries each problem of a set should get next, so that a selection needs few tries altogether.

For the rule `expected`, the next tries solve a stopping problem: under the fitted spread, choosing a problem is worth
what it adds to the problems found within the level, a try costs `PRICE`, and dynamic programming over (passes, tries)
up to a cap says where another try is worth its price (Berry & Ho 1988, "One-sided sequential stopping boundaries for
clinical trials: a decision-theoretic approach", Biometrics 44, do so for one hypothesis). The exchange rate between
found and false ones is set so that the whole set is predicted to end within the level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from evalkit.stats.selection import e_bh, log_evidence_in_band
from evalkit.stats.selection_signal import mixed_moments, signal_of
from evalkit.stats.selection_spread import Grid, checked, fit, grid, posterior
from evalkit.stats.verdict import Band

STEP = 4
"""Tries that a problem gets in one round."""
CAPS = {"expected": 128, "anytime": 1024, "signal": 32}
"""Tries after which a problem gets no more, by rule."""
LARGEST_CAP = 256
"""Largest cap of `expected`: the table of the dynamic program grows with its square."""
PRICE = 0.0034
"""What a try costs in problems found: one more is worth up to about 300 tries."""
SPARE = 0.75
"""`expected` plans for this share of the level; the rest covers what the fit does not know."""
UNLIKELY = 0.05
"""`anytime` leaves a problem that is in the band with a smaller probability, and `signal` one that would have to
cross the border of the chosen with a smaller one."""


def next_tries(
    counts: Sequence[tuple[int, int]],
    band: Band,
    *,
    rule: str = "expected",
    level: float = 0.1,
    step: int = STEP,
    cap: int | None = None,
    count: int | None = None,
    group: int = 8,
) -> list[int]:
    """More tries for each problem in the next round; 0 for a problem that is decided, all 0 when sampling should end.

    A pure function of the counts so far. Call it, make the tries, and call it again; the selection of the same rule
    keeps its promise whenever one stops.

    Args:
        counts: passes and tries of every problem so far.
        band: the wanted rates.
        rule: `expected`, `anytime` or `signal`, see `selection`.
        level: the share of false ones allowed among the chosen (`expected`, `anytime`).
        step: the most tries of a problem in one round.
        cap: the most tries of a problem altogether; None for that of the rule.
        count: how many problems are to be chosen (`signal`).
        group: tries that are compared with each other in training (`signal`).

    Raises:
        ValueError: for an unknown rule, counts that are none, and a step, cap or count out of range.
    """
    import numpy

    table = checked(counts)
    if rule not in CAPS:
        raise ValueError(f"unknown rule {rule!r}: expected, anytime or signal")
    most = CAPS[rule] if cap is None else cap
    if step < 1 or most < 1 or (rule == "expected" and most > LARGEST_CAP):
        raise ValueError(f"step {step} and cap {most} are out of range: 1 and more, the cap of expected {LARGEST_CAP}")
    if rule == "expected":
        going = _worth_a_try(table, band, level, most)
    elif rule == "anytime":
        going = _not_proven(table, band, level)
    else:
        going = _near_the_border(table, band, count, group)
    rest = numpy.clip(most - table[:, 1], 0, step)
    tries: list[int] = numpy.where(going | (table[:, 1] == 0), rest, 0).tolist()
    return tries


def spared(counts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Tries that were made, and those that would have been, had every problem got as many as the one with most."""
    tries = [tried for _, tried in counts]
    return sum(tries), len(tries) * max(tries, default=0)


def _not_proven(table: Any, band: Band, level: float) -> Any:
    """Problems that are neither among the chosen, whatever joins them, nor unlikely to be in the band."""
    import math

    logs = log_evidence_in_band(table[:, 0], table[:, 1], band)
    proven = logs >= math.log(len(logs) / level / max(1, e_bh(logs, level)))
    fitted = posterior(table, band)
    return ~proven & (fitted.in_band().mean(0)[fitted.cell] >= UNLIKELY)


def _near_the_border(table: Any, band: Band, count: int | None, group: int) -> Any:
    """Problems whose signal may lie on the other side of the border between the chosen and the others."""
    import numpy

    if count is None or not 1 <= count <= len(table):
        raise ValueError(f"{count} of {len(table)} problems cannot be chosen")
    fitted = posterior(table, band)
    mean = mixed_moments(fitted, group).mean(0)
    border = numpy.sort(mean[fitted.cell])[::-1][count - 1 : count + 1].mean()
    above = fitted.means(lambda rates: signal_of(rates, group) > border).mean(0)
    crossing = numpy.where(mean >= border, 1 - above, above)
    return (crossing >= UNLIKELY)[fitted.cell] & (count < len(table))


def _worth_a_try(table: Any, band: Band, level: float, cap: int) -> Any:
    import numpy

    lattice = lattice_of(band, cap)
    cells, cell, problems = numpy.unique(table, axis=0, return_inverse=True, return_counts=True)
    likelihood = lattice.grid.likelihood(cells[:, 0], cells[:, 1]) @ lattice.grid.bumps.T
    weights = fit(likelihood, problems, lattice.grid.prior)
    open_cells = cells[:, 1] <= cap
    where = lattice.at(cells[open_cells, 0], cells[open_cells, 1])
    going = numpy.zeros(len(cells), dtype=bool)
    going[open_cells] = worth_a_try(lattice, weights, where, problems[open_cells], level * SPARE)[where]
    return going[cell.reshape(-1)]


@dataclass(frozen=True)
class Lattice:
    """All (passes, tries) of a problem up to a cap, in order of tries, then passes."""

    cap: int
    grid: Grid
    likelihood: Any
    """(cells, bumps): chance of exactly these results."""
    inside: Any
    """(cells, bumps): the part of it that rates in the band have."""

    @staticmethod
    def at(passes: Any, tries: Any) -> Any:
        """The index of a cell."""
        return tries * (tries + 1) // 2 + passes


@lru_cache(maxsize=4)
def lattice_of(band: Band, cap: int) -> Lattice:
    """The lattice for a band and a cap."""
    import numpy

    points = grid(band, cap)
    tries = numpy.repeat(numpy.arange(cap + 1), numpy.arange(cap + 1) + 1)
    passes = numpy.arange(len(tries)) - tries * (tries + 1) // 2
    likelihood = points.likelihood(passes, tries, scaled=False)
    return Lattice(cap, points, likelihood @ points.bumps.T, likelihood @ (points.bumps * points.in_band).T)


def worth_a_try(lattice: Lattice, weights: Any, where: Any, problems: Any, level: float, searches: int = 6) -> Any:
    """(…, cells): whether another try at a problem in this cell is worth its price; leading axes are sets.

    `weights` (…, bumps) is the spread; `where` (…, k) are the cells in which `problems` (…, k) problems are now, for
    which the threshold is searched by bisection: the smallest at which the set is predicted to end within `level`.
    """
    import numpy

    chance = weights @ lattice.likelihood.T
    inside = (weights @ lattice.inside.T) / chance
    low, high = numpy.full(chance.shape[:-1], 0.2), numpy.full(chance.shape[:-1], 1 - level - 0.01)
    for _ in range(searches):
        middle = (low + high) / 2
        _, chosen, false = _program(lattice, chance, inside, middle, level)
        now = [(numpy.take_along_axis(each, where, -1) * problems).sum(-1) for each in (chosen, false)]
        over = now[1] > level * now[0]
        low, high = numpy.where(over, middle, low), numpy.where(over, high, middle)
    return _program(lattice, chance, inside, high, level)[0]


def _program(lattice: Lattice, chance: Any, inside: Any, threshold: Any, level: float) -> tuple[Any, Any, Any]:
    """Backward induction: where to go on, and the chance to end chosen, and chosen but false, from every cell.

    A chosen problem is worth its probability above the threshold t; in these units a problem found is worth
    (1 − level − t)/(1 − level), which follows from the Lagrangian of "most found, at most `level` false".
    """
    import numpy

    threshold = numpy.asarray(threshold)[..., None]
    price = PRICE * (1 - level - threshold) / (1 - level)
    value = numpy.maximum(0, inside - threshold)
    chosen = (inside > threshold).astype(float)
    false = chosen * (1 - inside)
    going = numpy.zeros(value.shape, dtype=bool)
    for tries in range(lattice.cap - 1, -1, -1):
        first = lattice.at(0, tries)
        here = (..., slice(first, first + tries + 1))
        failed = (..., slice(first + tries + 1, first + 2 * tries + 2))
        passed = (..., slice(first + tries + 2, first + 2 * tries + 3))
        up = chance[passed] / chance[here]

        def ahead(values: Any, up: Any = up, passed: Any = passed, failed: Any = failed) -> Any:
            return up * values[passed] + (1 - up) * values[failed]

        later = ahead(value) - price
        going[here] = more = later > value[here]
        value[here] = numpy.where(more, later, value[here])
        chosen[here] = numpy.where(more, ahead(chosen), chosen[here])
        false[here] = numpy.where(more, ahead(false), false[here])
    return going, chosen, false
