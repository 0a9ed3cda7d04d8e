"""Two sets of different problems: the exact test against SciPy's, its level, and what the interval covers."""

from __future__ import annotations

import numpy
import pytest
from scipy import stats

from evalkit.stats.unpaired_sets import compare_unpaired, shares_swapped


def welch(one, two, axis=-1):
    return abs(stats.ttest_ind(one, two, axis=axis, equal_var=False).statistic)


def test_the_exact_test_is_that_of_scipy() -> None:
    one, two = [0.1, 0.25, 0.3, 0.7, 0.45], [0.5, 0.8, 0.35, 0.9]
    reference = stats.permutation_test((one, two), welch, alternative="greater", vectorized=True)
    assert shares_swapped(one, two) == (pytest.approx(reference.pvalue), "exact permutation")


def test_drawn_deals_agree_with_it() -> None:
    random = numpy.random.default_rng(1)
    one, two = random.beta(1, 3, 30).tolist(), random.beta(1.6, 3, 25).tolist()
    reference = stats.permutation_test(
        (one, two), welch, alternative="greater", vectorized=True, n_resamples=9_999, rng=2
    )
    p_value, method = shares_swapped(one, two)
    assert method == "drawn permutations" and p_value == pytest.approx(reference.pvalue, abs=0.02)


def test_one_problem_against_one_tells_nothing() -> None:
    found = compare_unpaired([(0, 50)], [(50, 50)])
    assert found.p_value == 1 and found.difference == 1
    assert compare_unpaired([], [(1, 2)]).difference is None
    assert compare_unpaired([(2, 4)] * 5, [(2, 4)] * 4).p_value == 1
    assert compare_unpaired([(0, 4)] * 5, [(4, 4)] * 4).p_value == pytest.approx(1 / 126)


def test_it_keeps_its_level_where_problems_differ_and_its_interval_covers() -> None:
    """Simulated: 10 problems with 8 tries on each side, rates of Beta(0.2, 0.6)."""
    random = numpy.random.default_rng(3)
    told = covered = by_try = 0
    for _ in range(100):
        sides = []
        for _ in range(2):
            sides.append([(int(passed), 8) for passed in random.binomial(8, random.beta(0.2, 0.6, 10))])
        found = compare_unpaired(sides[0], sides[1])
        told += found.p_value <= 0.05
        covered += 0 in found.interval
        one, two = (sum(passed for passed, _ in side) for side in sides)
        by_try += stats.fisher_exact([[one, 80 - one], [two, 80 - two]]).pvalue <= 0.05
    assert told <= 12 and covered >= 90
    assert by_try >= 20
