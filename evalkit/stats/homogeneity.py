"""Permutation test of whether batches of runs have one pass rate, exact for batches of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DRAWS = 9_999
"""Ways to deal the passes to the batches that are drawn; a p-value is at least 1 of one more."""


def homogeneity(counts: Sequence[tuple[int, int]], *, seed: int = 0) -> float:
    """The p-value of "all batches have one rate"; `counts`: passed and runs of every batch, none of them empty.

    How often as many passes, dealt to the runs by chance, make the batches differ as much, by Pearson's χ² (1900).
    Given the number of passes, every deal is as likely if there is one rate, so the test keeps its level, unlike the
    χ² approximation, which wants five expected passes a batch (Cochran 1954, Biometrics 10). Counting the observed
    deal among the drawn ones keeps that so for any number of draws: Phipson & Smyth (2010), "Permutation p-values
    should never be zero", Stat. Appl. Genet. Mol. Biol. 9. Deterministic for a `seed`.
    """
    import numpy

    passed, sizes = (numpy.array(column) for column in zip(*counts, strict=True))
    total, runs = int(passed.sum()), int(sizes.sum())
    if total in (0, runs):
        return 1.0

    def spread(dealt: Any) -> Any:  # Pearson's χ², but for what is equal in all deals
        return (dealt * dealt / sizes).sum(axis=-1)

    drawn = numpy.random.default_rng(seed).multivariate_hypergeometric(sizes, total, DRAWS, method="marginals")
    as_far = spread(drawn) >= spread(passed) - 1e-9 * runs
    return (1 + int(as_far.sum())) / (1 + DRAWS)
