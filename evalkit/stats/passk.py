"""pass@k (at least one of k tries passes) and pass^k (all of k tries pass), estimated without bias."""

from __future__ import annotations

from math import comb


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


def _check(passed: int, runs: int, k: int) -> None:
    if not 0 <= passed <= runs:
        raise ValueError(f"{passed} of {runs} runs cannot have passed")
    if not 1 <= k <= runs:
        raise ValueError(f"k must be between 1 and the number of runs, {runs}; not {k}")
