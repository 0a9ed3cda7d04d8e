"""Evidence about a pass rate that may be looked at after every run: one-sided mixtures of likelihood ratios.

For a rate r, the likelihood ratio of "the rate is q, drawn uniformly below r" against "the rate is r" is a
non-negative supermartingale of mean 1 while the true rate is r or more. By Ville's inequality it ever reaches 1/α
with a chance of α at most, so rates whose ratio has reached it can be dropped at any moment, and stay dropped. The
same from above. Sources: Ville (1939), "Étude critique de la notion de collectif"; Robbins (1970), "Statistical
methods related to the law of the iterated logarithm", Ann. Math. Stat. 41 (mixtures). Drawing q on one side of r
only, rather than from all of 0…1, is what makes it tight near 0 and 1.
"""

from __future__ import annotations

from typing import Any


def log_evidence_below(passed: Any, runs: Any, rate: Any) -> Any:
    """Log of the evidence that the true rate is below `rate`; floats or NumPy arrays that broadcast, 0 < rate < 1.

    log ∫₀ʳ qᵏ(1−q)ⁿ⁻ᵏ dq / r − log rᵏ(1−r)ⁿ⁻ᵏ for k of n passed: an incomplete beta function. Evidence so small
    that it underflows is −inf.
    """
    import numpy
    from scipy.special import betainc, betaln, xlog1py, xlogy  # type: ignore[import-untyped]

    failed = runs - passed
    with numpy.errstate(divide="ignore"):
        mass = numpy.log(betainc(passed + 1, failed + 1, rate))
    mixture = betaln(passed + 1, failed + 1) + mass - numpy.log(rate)
    return mixture - xlogy(passed, rate) - xlog1py(failed, -numpy.asarray(rate))


def log_evidence_above(passed: Any, runs: Any, rate: Any) -> Any:
    """Log of the evidence that the true rate is above `rate`: the same with passes and failures exchanged."""
    return log_evidence_below(runs - passed, runs, 1 - rate)
