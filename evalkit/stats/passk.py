"""pass@k (at least one of k tries passes) and pass^k (all of k tries pass), estimated without bias.

Both are about k tries at one problem. Runs at different problems say nothing about them: with a rate of 100 % at half
of the problems and 0 % at the others, pass@8 is 50 %, and what a rate over all of them would give 99.6 %.
"""

from __future__ import annotations

from math import comb

from evalkit.stats.intervals import Interval


def pass_at_k(passed: int, runs: int, k: int) -> float:
    """The chance that at least one of `k` runs passes: 1 − C(runs−passed, k) / C(runs, k).

    Chen et al. (2021), "Evaluating large language models trained on code", arXiv:2107.03374, equation 1.
    """
    _check(passed, runs, k)
    return 1 - comb(runs - passed, k) / comb(runs, k)


def pass_hat_k(passed: int, runs: int, k: int) -> float:
    """The chance that all of `k` runs pass: C(passed, k) / C(runs, k).

    Yao et al. (2024), "τ-bench: a benchmark for tool-agent-user interaction in real-world domains",
    arXiv:2406.12045, section 4.
    """
    _check(passed, runs, k)
    return comb(passed, k) / comb(runs, k)


def pass_at_k_interval(rate: Interval, k: int, estimate: float) -> Interval:
    """An interval of pass@k, 1 − (1−p)ᵏ, from one of the pass rate p, with at least the same coverage.

    The function grows with p, so it holds the true value whenever `rate` holds p (a confidence set of a function of the
    parameter is the image of the parameter's: Casella & Berger 2002, "Statistical inference", 2nd ed., section 9.2).
    Widened to hold the unbiased `estimate`, which is not 1 − (1−p)ᵏ of the observed rate.
    """
    return _around(Interval(1 - (1 - rate.low) ** k, 1 - (1 - rate.high) ** k), estimate)


def pass_hat_k_interval(rate: Interval, k: int, estimate: float) -> Interval:
    """The same of pass^k, pᵏ."""
    return _around(Interval(rate.low**k, rate.high**k), estimate)


def _around(interval: Interval, estimate: float) -> Interval:
    return Interval(min(interval.low, estimate), max(interval.high, estimate))


def _check(passed: int, runs: int, k: int) -> None:
    if not 0 <= passed <= runs:
        raise ValueError(f"{passed} of {runs} runs cannot have passed")
    if not 1 <= k <= runs:
        raise ValueError(f"k must be between 1 and the number of runs, {runs}; not {k}")
