"""Variance components of a set, and its histogram: known values, unbiasedness, and that every problem is counted."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, f_oneway

from evalkit.stats.problem_sets import mean_rate
from evalkit.stats.spread import components, histogram

count = st.integers(0, 20).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries)))
sets = st.lists(count, min_size=1, max_size=15)


def test_components_are_those_of_the_analysis_of_variance():
    counts = [(1, 4), (3, 5), (2, 8), (6, 6)]
    groups = [[1.0] * passed + [0.0] * (tries - passed) for passed, tries in counts]
    found = components(counts)
    within = found.within
    typical = (23 - (16 + 25 + 64 + 36) / 23) / 3
    assert (within + typical * found.between) / within == pytest.approx(f_oneway(*groups).statistic)
    assert found.tries == pytest.approx(4 / (1 / 4 + 1 / 5 + 1 / 8 + 1 / 6))


@pytest.mark.parametrize("tries", [4, (2, 3, 8, 16)])
def test_components_are_right_on_average(tries):
    random = np.random.default_rng(3)
    sizes = np.resize(tries, 40)
    found = []
    for _ in range(1500):
        passed = random.binomial(sizes, random.beta(0.5, 1.5, 40))
        found.append(components(list(zip(passed.tolist(), sizes.tolist(), strict=True))))
    assert np.mean([each.within for each in found]) == pytest.approx(0.5 * 1.5 / (2 * 3), rel=0.03)
    assert np.mean([each.between for each in found]) == pytest.approx(0.25 * 0.75 / 3, rel=0.03)


@pytest.mark.parametrize(
    "counts", [[], [(0, 0)], [(3, 8)], [(1, 1), (0, 1)], [(3, 8), (0, 0)], [(8, 8)] * 3, [(0, 4)] * 2]
)
def test_what_cannot_be_told_apart_is_not(counts):
    assert components(counts) is None


@pytest.mark.parametrize(("counts", "correlation"), [([(8, 8), (0, 8)], 1.0), ([(4, 8)] * 5, 0.0)])
def test_the_extremes_of_correlation(counts, correlation):
    assert components(counts).correlation == pytest.approx(correlation)


@given(sets)
def test_every_problem_has_one_bar_and_chance_adds_up_too(counts):
    found = histogram(counts)
    there = [each for each in counts if each[1]]
    if not there:
        assert found is None
        return
    assert sum(bar.problems for bar in found.bars) == len(there)
    assert math.fsum(bar.alike for bar in found.bars) == pytest.approx(len(there))
    assert (found.bars[0].low, found.bars[-1].high) == (0, 1)
    assert found.bars[0].problems == sum(passed == 0 for passed, _ in there)
    assert found.bars[-1].problems == sum(passed == tries for passed, tries in there)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=30))
def test_with_few_equal_tries_each_possible_rate_has_a_bar(passes):
    found = histogram([(passed, 8) for passed in passes])
    assert [bar.low for bar in found.bars] == [passed / 8 for passed in range(9)]
    assert [bar.problems for bar in found.bars] == [passes.count(passed) for passed in range(9)]
    mean = mean_rate([(passed, 8) for passed in passes])
    alike = [len(passes) * binom.pmf(passed, 8, mean) for passed in range(9)]
    assert [bar.alike for bar in found.bars] == pytest.approx(alike, abs=1e-9)


def test_a_rate_on_an_edge_belongs_to_the_bar_below():
    found = histogram([(2, 20), (3, 20), (19, 20), (5, 10)])
    assert [(bar.low, bar.high) for bar in found.bars if bar.problems] == [(0, 0.1), (0.1, 0.2), (0.4, 0.5), (0.9, 1)]
    assert (found.fewest, found.most) == (10, 20)
