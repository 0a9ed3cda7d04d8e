"""The mean of bounded variables by betting: intervals and sequences that hold for any number and any distribution.

Somebody who thinks that the mean is below r bets on every value x between 0 and 1 at odds that are fair if the mean
is r: the stake is multiplied by x·q/r + (1−x)·(1−q)/(1−r) for a q below r. The stake is a non-negative
supermartingale while the mean is r or more, so it reaches 1/α with a chance of α at most, however often one looks
(Ville's inequality). Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables by betting",
J. R. Stat. Soc. B 86. The stake is spread evenly over all q below r, as in Orabona & Jun (2024), "Tight concentrations
and confidence sequences from the regret of universal portfolio", IEEE Trans. Inf. Theory 70: of values 0 and 1 it is
the evidence of `evalkit.stats.evidence`, and it does not depend on the order of the values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from evalkit.stats.intervals import Interval

if TYPE_CHECKING:  # NumPy is loaded where it calculates
    import numpy

    Array = numpy.ndarray[Any, Any]

NODES = 64
"""Values of q/r that share the stake: Gauss and Legendre's, exact for up to 127 values, and a fair game for any."""


@lru_cache(maxsize=1)
def _spread() -> tuple[Array, Array]:
    """The nodes in 0…1 and the logs of their weights, which add up to 1."""
    import numpy

    nodes, weights = numpy.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, numpy.log(weights / weights.sum())


def log_evidence_mean_below(values: Sequence[float], mean: float) -> float:
    """Log of the evidence that the mean of what `values` (each 0…1) were drawn from is below `mean`, 0 < mean < 1.

    It grows with `mean`.
    """
    return total(log_stakes(values, mean)) if values else 0.0


def log_stakes(values: Sequence[float], mean: float) -> Array:
    """Logs of what `values` multiply the stake on each q below `mean` by: float64 [nodes]. They add up over values."""
    import numpy

    distinct = Counter(values)
    x, times = numpy.array(list(distinct), dtype=float), numpy.array(list(distinct.values()), dtype=float)
    return _grown(x, times, mean)


def total(stakes: Array) -> float:
    """The log of all stakes together, from the logs of how much each has grown."""
    import numpy

    return float(numpy.logaddexp.reduce(_spread()[1] + stakes))


def _grown(x: Array, times: Array, mean: float) -> Array:
    import numpy

    nodes, _ = _spread()
    factor = x[:, None] * nodes + (1 - x[:, None]) * (1 - nodes * mean) / (1 - mean)
    grown: Array = times @ numpy.log(factor)
    return grown


def bounded_mean(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The interval of the mean of independent draws between 0 and 1, for any number of them and any distribution.

    No values: all of 0…1. Raises ValueError for a value outside 0…1 or a confidence that cannot be.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    error = (1 - confidence) / 2
    return Interval(mean_lower(values, error), mean_upper(values, error))


def mean_upper(values: Sequence[float], error: float) -> float:
    """The largest mean against which the evidence has not reached 1/`error`.

    Raises `ValueError` for values outside 0 to 1.
    """
    import numpy

    if not all(0 <= value <= 1 for value in values):
        raise ValueError("values must be between 0 and 1")
    if not values:
        return 1.0
    distinct = Counter(values)
    x, times = numpy.array(list(distinct), dtype=float), numpy.array(list(distinct.values()), dtype=float)
    needed, low, high = -math.log(error), 0.0, 1.0
    for _ in range(48):  # bisection to 4e-15
        middle = (low + high) / 2
        low, high = (middle, high) if total(_grown(x, times, middle)) < needed else (low, middle)
    return 1.0 if high > 1 - 1e-12 else high


def mean_lower(values: Sequence[float], error: float) -> float:
    """The smallest mean against which the evidence has not reached 1/`error`; the mirror of `mean_upper`."""
    return 1 - mean_upper([1 - value for value in values], error)
