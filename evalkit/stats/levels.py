"""Error levels of `TOO EASY` and `TOO HARD`: whether each may use the whole error, computed for the band at hand.

Either decision alone is wrong with a chance of α at most (Ville). Together they could reach 2α, but only for rates
inside the band, and only if the band is so narrow that one rate can be taken for too high and for too low. A rate
outside the band needs no more than α in any case: each wrong word about it excludes the same end of the band.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from evalkit.stats.evidence import log_evidence_above
from evalkit.stats.verdict import Band

if TYPE_CHECKING:  # NumPy is loaded where it calculates
    import numpy

    Array = numpy.ndarray[Any, Any]

EXACT_LOOKS = 1000
"""So many looks are computed; for all later ones together, Ville's inequality bounds what can still go wrong."""
PIECES = (8, 32)
"""Pieces of the band on which the error is bounded; the finer ones only where the coarse ones do not show it."""


@lru_cache(maxsize=1000)
def full_level_holds(band: Band, confidence: float, most: int | None = None) -> bool:
    """Whether the decisions stay wrong with a chance of 1 − `confidence` at most if each side uses all of it.

    `most`: runs there can be; None: any number. Fewer than `EXACT_LOOKS` count as that many, so that the answer stays
    the same for whoever goes on with more.
    """
    error = 1 - confidence
    most = None if most is None else max(most, EXACT_LOOKS)
    return any(worst_error(band, error, most, pieces) <= error * (1 + 1e-9) for pieces in PIECES)


def worst_error(band: Band, error: float, most: int | None = None, pieces: int = PIECES[-1]) -> float:
    """An upper bound of the chance of a wrong decision at any rate of the band, each side using all of `error`.

    The higher the rate, the more often `TOO EASY` comes first, and the less often `TOO HARD`. So on a piece of the
    band the first chance is at most what it is at the upper end, and the second what it is at the lower end.
    """
    import numpy

    too_easy, too_hard = first_decisions(band, error, numpy.linspace(band.low, band.high, pieces + 1), most)
    return float((too_easy[1:] + too_hard[:-1]).max())


def first_decisions(band: Band, error: float, rates: Array, most: int | None = None) -> tuple[Array, Array]:
    """The chances of `TOO EASY` and of `TOO HARD`, whichever comes first, for each of the true `rates` of the band.

    `IN BAND` ends nothing here: it is right. Exact up to `EXACT_LOOKS` looks, by following the number of passes from
    run to run; beyond, upper bounds: from evidence M it reaches 1/`error` with a chance of M·`error` at most.
    """
    import numpy

    looks = EXACT_LOOKS if most is None else min(most, EXACT_LOOKS)
    runs = numpy.arange(looks + 1)
    above = boundary(band.high, error, looks) if band.high < 1 else runs + 1
    has_low = 1 - band.low < 1  # nearer to 0, no number of runs falls below it
    below = runs - boundary(1 - band.low, error, looks) if has_low else runs * 0 - 1
    too_easy, too_hard, rate = numpy.zeros(len(rates)), numpy.zeros(len(rates)), rates[:, None]
    alive = numpy.zeros((len(rates), looks + 2))  # chance by passes so far
    alive[:, 0] = 1.0
    low, high = 0, 0  # the fewest and the most passes of a launch that is still undecided
    for look in range(1, looks + 1):
        before = alive[:, low : high + 2]
        after = before * (1 - rate)
        after[:, 1:] += before[:, :-1] * rate
        alive[:, low : high + 2] = after
        high += 1
        if above[look] <= high:
            too_easy += alive[:, above[look] : high + 1].sum(axis=1)
            alive[:, above[look] : high + 1] = 0
            high = int(above[look]) - 1
        if below[look] >= low:
            too_hard += alive[:, low : below[look] + 1].sum(axis=1)
            alive[:, low : below[look] + 1] = 0
            low = int(below[look]) + 1
    if most is None or most > looks:
        left, passed = alive[:, low : high + 1], numpy.arange(low, high + 1.0)
        if band.high < 1:
            too_easy += error * left @ numpy.exp(log_evidence_above(passed, float(looks), band.high))
        if has_low:
            too_hard += error * left @ numpy.exp(log_evidence_above(looks - passed, float(looks), 1 - band.low))
    return too_easy, too_hard


def boundary(edge: float, error: float, looks: int) -> Array:
    """For 0, 1, … `looks` runs: the fewest passes whose evidence for a rate above `edge` reaches 1/`error`.

    One more than the runs where no number of passes does.
    """
    import numpy

    runs = numpy.arange(looks + 1)
    short, enough = numpy.floor(runs * edge).astype(int) - 1, runs + 1
    needed = -numpy.log(error)
    while (searched := enough - short > 1).any():  # bisection: above the edge, the evidence grows with the passes
        middle = numpy.clip((short + enough) // 2, 0, runs)
        reaches = log_evidence_above(middle, runs, edge) >= needed
        enough = numpy.where(searched & reaches, middle, enough)
        short = numpy.where(searched & ~reaches, middle, short)
    found: Array = enough
    return found
