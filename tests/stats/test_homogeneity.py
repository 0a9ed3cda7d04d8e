"""The permutation test behind stability: its level, its agreement with exact enumeration, and what it finds."""

from itertools import product
from math import comb, prod

import numpy as np
import pytest

from evalkit.stats.homogeneity import DRAWS, homogeneity


def enumerated(counts):
    """The same p-value from all ways to deal the passes."""
    passed, sizes = zip(*counts, strict=True)
    total = sum(passed)

    def spread(dealt):
        return sum(k * k / n for k, n in zip(dealt, sizes, strict=True))

    as_far = 0
    for dealt in product(*(range(n + 1) for n in sizes)):
        if sum(dealt) == total and spread(dealt) >= spread(passed) - 1e-9:
            as_far += prod(comb(n, k) for n, k in zip(sizes, dealt, strict=True))
    return as_far / comb(sum(sizes), total)


@pytest.mark.parametrize(
    "counts", [[(4, 5), (0, 5), (0, 5)], [(3, 4), (1, 5), (2, 3), (2, 6)], [(1, 2), (1, 2)], [(5, 7), (1, 8)]]
)
def test_it_is_the_share_of_deals_that_differ_as_much(counts):
    assert homogeneity(counts) == pytest.approx(enumerated(counts), abs=0.02)


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_batches_of_one_rate_are_called_different_no_more_often_than_the_level(rate):
    rng = np.random.default_rng(2)
    found = [homogeneity([(int(k), 6) for k in rng.binomial(6, rate, 5)]) for _ in range(300)]
    for level in (0.05, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 300)


def test_what_chance_cannot_do_is_found_and_the_same_each_time():
    counts = [(20, 20), (0, 20), (20, 20), (0, 20)]
    assert homogeneity(counts) == homogeneity(counts) == 1 / (1 + DRAWS)


@pytest.mark.parametrize("counts", [[(0, 5), (0, 5)], [(5, 5), (3, 3)]])
def test_where_nothing_varies_nothing_differs(counts):
    assert homogeneity(counts) == 1.0
