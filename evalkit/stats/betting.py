"""The mean of bounded variables by betting: intervals and sequences that hold for any number and any distribution.

Somebody who thinks that the mean is below r bets on every value x between 0 and 1 at odds that are fair if the mean
is r: the stake is multiplied by x·q/r + (1−x)·(1−q)/(1−r) for a q below r. The stake is a non-negative
supermartingale while the mean is r or more, so it reaches 1/α with a chance of α at most, however often one looks
(Ville's inequality). Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables by betting",
J. R. Stat. Soc. B 86. The stake is spread over several q below r, as in Orabona & Jun (2024), "Tight concentrations
and confidence sequences from the regret of universal portfolio", IEEE Trans. Inf. Theory 70, so the result does not
depend on the order of the values. Spread evenly over all q, it is of values 0 and 1 the evidence of
`evalkit.stats.evidence`.
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
"""Values of q/r that share the stake evenly: Gauss and Legendre's, exact for up to 127 values, and fair for any."""
FEW = 20
"""So many values, their number fixed beforehand, are too few for small stakes: the stake is on `BOLD` alone."""
BOLD = (1e-9, 0.3, 0.6)
"""Values of q/r."""


@lru_cache(maxsize=1)
def even_spread() -> tuple[Array, Array]:
    """`NODES` values of q/r, and the logs of their shares of the stake."""
    import numpy

    nodes, weights = numpy.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, numpy.log(weights / weights.sum())


def fixed_spread(number: int) -> tuple[Array, Array]:
    """The same for a `number` of values that was fixed beforehand."""
    import numpy

    return even_spread() if number >= FEW else (numpy.array(BOLD), numpy.full(len(BOLD), -math.log(len(BOLD))))


def log_evidence_mean_below(values: Sequence[float], mean: float) -> float:
    """Log of the evidence that the mean of what `values` (each 0…1) were drawn from is below `mean`, 0 < mean < 1.

    It grows with `mean`. The stake is spread evenly.
    """
    return total(log_stakes(values, mean)) if values else 0.0


def log_stakes(values: Sequence[float], mean: float) -> Array:
    """Logs of what `values` multiply the stake on each q below `mean` by: float64 [NODES]. They add up over values."""
    return _grown(*_distinct(values), mean, even_spread()[0])


def total(stakes: Array) -> float:
    """The log of all stakes together, from the logs of how much each has grown."""
    import numpy

    return float(numpy.logaddexp.reduce(even_spread()[1] + stakes))


def _distinct(values: Sequence[float]) -> tuple[Array, Array]:
    import numpy

    found = Counter(values)
    return numpy.array(list(found), dtype=float), numpy.array(list(found.values()), dtype=float)


def _grown(x: Array, times: Array, mean: float, shares: Array) -> Array:
    import numpy

    factor = x[:, None] * shares + (1 - x[:, None]) * (1 - shares * mean) / (1 - mean)
    grown: Array = times @ numpy.log(factor)
    return grown


def bounded_mean(values: Sequence[float], confidence: float = 0.95, *, peeking: bool = False) -> Interval:
    """The interval of the mean of independent draws between 0 and 1, for any number of them and any distribution.

    `peeking`: the intervals at all looks hold together; otherwise the number of values was fixed beforehand. Means may
    even differ from draw to draw: then it holds their mean, for the arithmetic mean of the factors exceeds the
    geometric (with `peeking`, at looks whose mean is the same). No values: all of 0…1. Raises ValueError for a value
    outside 0…1 or a confidence that cannot be.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    if not all(0 <= value <= 1 for value in values):
        raise ValueError("values must be between 0 and 1")
    error = (1 - confidence) / 2
    return Interval(1 - _upper([1 - value for value in values], error, peeking), _upper(values, error, peeking))


def _upper(values: Sequence[float], error: float, peeking: bool) -> float:
    """The largest mean against which the evidence has not reached 1/`error`."""
    import numpy

    if not values:
        return 1.0
    shares, weights = even_spread() if peeking else fixed_spread(len(values))
    x, times = _distinct(values)
    needed, low, high = -math.log(error), 0.0, 1.0
    for _ in range(48):  # bisection to 4e-15
        middle = (low + high) / 2
        grown = float(numpy.logaddexp.reduce(weights + _grown(x, times, middle, shares)))
        low, high = (middle, high) if grown < needed else (low, middle)
    return 1.0 if high > 1 - 1e-12 else high
