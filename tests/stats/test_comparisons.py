"""Comparing two rates: published examples, exactness, and that the planned number of runs has its power."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

from benchmarks import coverage
from evalkit.stats import Interval, compare_independent, compare_paired, paired_runs_to_tell_apart, runs_to_tell_apart
from evalkit.stats.comparisons import mcnemar, mcnemar_power, newcombe, newcombe_paired, two_sample_test

small = st.integers(1, 25).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs)))
cells = st.tuples(*[st.integers(0, 40)] * 4)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [  # Newcombe (1998), Stat. Med. 17, 873-890, table II, method 10: a/m − b/n
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((2, 7), (6, 7), 0.0582, 0.8062),
        ((0, 29), (5, 56), -0.0381, 0.1926),
        ((0, 20), (0, 10), -0.1611, 0.2775),
        ((0, 10), (10, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_gives_published_values(first, second, low, high):
    found = newcombe(*first, *second)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_the_paired_interval_gives_a_published_value():
    """Newcombe (1998), Stat. Med. 17, 2635-2650, table II, method 10: 36, 12, 2 and 0 of 50."""
    found = newcombe_paired(36, 2, 12, 0)
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@given(small, small)
def test_differences_lie_in_their_interval_and_change_sign_when_exchanged(first, second):
    found, mirrored = newcombe(*first, *second), newcombe(*second, *first)
    assert found.low - 1e-12 <= second[0] / second[1] - first[0] / first[1] <= found.high + 1e-12
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-12)
    assert found.low >= -1 - 1e-12 and found.high <= 1 + 1e-12


@given(cells)
def test_paired_differences_lie_in_their_interval_and_change_sign_when_exchanged(table):
    both, one, two, neither = table
    found, mirrored = newcombe_paired(both, one, two, neither), newcombe_paired(both, two, one, neither)
    runs = sum(table)
    assert found.low - 1e-12 <= ((two - one) / runs if runs else 0) <= found.high + 1e-12
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-12)


def test_shared_rollouts_give_a_narrower_interval_than_independent_ones():
    paired = newcombe_paired(20, 2, 10, 68)
    assert paired.width < 0.7 * newcombe(22, 100, 30, 100).width


def test_no_runs_tell_nothing():
    assert newcombe(0, 0, 3, 5) == newcombe_paired(0, 0, 0, 0) == Interval(-1.0, 1.0)
    assert compare_independent(0, 0, 3, 5).p_value == compare_paired(0, 0, 0, 0).p_value == 1.0


@settings(max_examples=20)
@given(small, small)
def test_the_two_sample_test_is_symmetric_and_beats_fishers(first, second):
    p_value, _ = two_sample_test(*first, *second)
    table = [[first[0], second[0]], [first[1] - first[0], second[1] - second[0]]]
    one_sided = min(fisher_exact(table, alternative=side).pvalue for side in ("less", "greater"))
    assert p_value <= min(1.0, 2 * one_sided) + 1e-9
    assert p_value == pytest.approx(two_sample_test(*second, *first)[0], abs=1e-6)


def test_the_two_sample_test_gives_a_published_value():
    """The example of SciPy's manual (job satisfaction of 117 professors and 63 scientists), there one-sided."""
    assert two_sample_test(74, 117, 31, 63)[0] == pytest.approx(2 * 0.0355, abs=2e-4)


@pytest.mark.parametrize("table", [(0, 10, 0, 12), (10, 10, 12, 12)])
def test_the_same_result_in_all_runs_is_no_difference(table):
    assert two_sample_test(*table)[0] == 1.0


def test_large_samples_get_fishers_test():
    found = compare_independent(400, 1000, 460, 1000)
    assert found.method == "Fisher"
    assert found.differs() and not found.differs(confidence=0.999)
    assert found.difference == pytest.approx(0.06)


def test_the_two_sample_test_keeps_its_level_and_has_more_power_than_fishers():
    largest, fishers, power, fishers_power = coverage.comparison_figures(runs=10)
    assert fishers < largest <= 0.05
    assert power > fishers_power


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_binomial_test_of_the_differing_runs(one, two):
    expected = binomtest(one, one + two).pvalue if one + two else 1.0
    assert mcnemar(one, two) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("one", "two"), [(0.1, 0.6), (0.2, 0.8)])
def test_the_planned_number_of_runs_has_about_the_power_asked_for(one, two):
    runs = runs_to_tell_apart(one, two, power=0.8)
    assert coverage.power(runs, one, two) == pytest.approx(0.8, abs=0.05)


def test_runs_to_tell_apart_gives_the_textbook_value():
    assert runs_to_tell_apart(0.25, 0.40) == 152


@pytest.mark.parametrize(("one", "two", "power"), [(0.2, 0.2, 0.8), (-0.1, 0.2, 0.8), (0.1, 0.2, 1.0)])
def test_impossible_plans_are_refused(one, two, power):
    with pytest.raises(ValueError):
        runs_to_tell_apart(one, two, power=power)


@pytest.mark.parametrize(("only_1", "only_2"), [(0.0, 0.4), (0.05, 0.25), (0.3, 0.2)])
def test_the_planned_number_of_shared_rollouts_has_the_power_asked_for(only_1, only_2):
    runs = paired_runs_to_tell_apart(only_1, only_2, power=0.8)
    assert 0.8 <= mcnemar_power(runs, only_1, only_2) < 0.86


def test_the_power_of_mcnemar_is_what_counting_every_outcome_gives():
    runs, only_1, only_2, same = 9, 0.1, 0.5, 0.4
    power = 0.0
    for one in range(runs + 1):
        for two in range(runs + 1 - one):
            ways = math.factorial(runs) / math.factorial(one) / math.factorial(two) / math.factorial(runs - one - two)
            if mcnemar(one, two) <= 0.05:
                power += ways * only_1**one * only_2**two * same ** (runs - one - two)
    assert mcnemar_power(runs, only_1, only_2) == pytest.approx(power)


@pytest.mark.parametrize(("one", "two", "power"), [(0.2, 0.2, 0.8), (-0.1, 0.2, 0.8), (0.6, 0.5, 0.8), (0.1, 0.2, 1.0)])
def test_impossible_paired_plans_are_refused(one, two, power):
    with pytest.raises(ValueError):
        paired_runs_to_tell_apart(one, two, power=power)
