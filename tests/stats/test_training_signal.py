"""Training signal and pass@k of a set: unbiased where tries suffice, bounded where they do not, and covering."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution
from scipy.stats import binom

from evalkit.stats import pass_at_k, wilson
from evalkit.stats.intervals import Interval
from evalkit.stats.passk import pass_at_k_interval, pass_hat_k, pass_hat_k_interval
from evalkit.stats.spread import Components
from evalkit.stats.training_signal import (
    beta_signal,
    image_of_mixed,
    mixed,
    problem_signal,
    set_pass_at_k,
    set_pass_hat_k,
    training_signal,
)

count = st.integers(0, 12).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries)))
sets = st.lists(count, min_size=1, max_size=12)


@given(st.integers(2, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(2, n))))
def test_a_problem_s_signal_is_the_share_of_groups_that_are_mixed(case):
    passed, tries, group = case
    chosen = list(combinations([True] * passed + [False] * (tries - passed), group))
    assert problem_signal(*case) == pytest.approx(sum(0 < sum(one) < group for one in chosen) / len(chosen))


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.5, 1.0])
def test_it_is_not_biased(rate):
    found = sum(binom.pmf(passed, 12, rate) * problem_signal(passed, 12, 8) for passed in range(13))
    assert found == pytest.approx(mixed(rate, 8), abs=1e-12)


def test_two_sets_with_one_rate_have_different_signals():
    alike, halves = training_signal([(2, 8)] * 40), training_signal([(0, 8)] * 20 + [(4, 8)] * 20)
    assert alike.estimate == 1.0 and halves.estimate == pytest.approx(0.5)
    assert alike.basis == halves.basis == "groups"


@example([(1, 2)] * 3 + [(1, 3)] * 2, 3, "these")  # more pairs were mixed than any rate gives
@given(sets, st.integers(2, 40), st.sampled_from(["these", "like_these"]))
def test_whatever_the_tries_the_estimate_lies_in_the_interval(counts, group, about):
    found = training_signal(counts, group, about=about)
    assert 0 <= found.interval.low <= found.interval.high <= 1
    if found.estimate is not None:
        assert found.interval.low - 1e-9 <= found.estimate <= found.interval.high + 1e-9
    usable = [tries for _, tries in counts if tries > 1]
    assert found.counted == (min([group, *usable]) if usable else 1)
    assert found.problems == len(usable) or not usable


def test_passes_and_failures_are_symmetric():
    counts = [(1, 4), (0, 4), (3, 4), (2, 4), (0, 4), (1, 4)]
    one, two = training_signal(counts, 8), training_signal([(4 - passed, 4) for passed, _ in counts], 8)
    assert one.estimate == pytest.approx(two.estimate)
    assert (one.interval.low, one.interval.high) == pytest.approx((two.interval.low, two.interval.high))


@given(st.floats(0, 1), st.floats(0, 1), st.integers(2, 20), st.integers(1, 30))
def test_a_larger_group_is_mixed_by_a_concave_function_of_a_smaller_one(one, two, size, more):
    small, large = ([mixed(rate, group) for rate in (one, two)] for group in (size, size + more))
    share = sum(small) / 2
    low, high = 0.0, 0.5
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if mixed(middle, size) < share else (low, middle)
    assert sum(large) / 2 <= mixed(high, size + more) + 1e-9  # Jensen
    assert sum(large) / 2 >= share * mixed(0.5, size + more) / mixed(0.5, size) - 1e-9  # chord


@pytest.mark.parametrize(("a", "b"), [(1, 3), (0.2, 0.6), (5, 5)])
@pytest.mark.parametrize("group", [2, 8, 64])
def test_the_signal_of_beta_distributed_rates(a, b, group):
    mean, between = a / (a + b), a * b / (a + b) ** 2 / (a + b + 1)
    found = Components(mean, mean * (1 - mean) - between, between, 10, 4)
    density = beta_distribution(a, b).pdf
    expected = quad(lambda p: mixed(p, group) * density(p), 0, 0.5)[0]
    expected += quad(lambda p: mixed(p, group) * density(p), 0.5, 1)[0]
    assert beta_signal(found, group) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("between", "expected"), [(0.0, mixed(0.25, 8)), (0.1875, 0.0)])
def test_the_signal_at_the_ends_of_correlation(between, expected):
    assert beta_signal(Components(0.25, 0.1875 - between, between, 10, 4), 8) == pytest.approx(expected)


def test_single_tries_bound_the_signal_from_above_only():
    found = training_signal([(0, 1)] * 95 + [(1, 1)] * 5)
    assert (found.estimate, found.interval.low, found.basis) == (None, 0.0, "bounds")
    assert found.interval.high == pytest.approx(mixed(wilson(5, 100).high, 8))
    assert training_signal([(1, 1), (0, 1)]).interval.high == mixed(0.5, 8)


@pytest.mark.parametrize("counts", [[], [(0, 0)] * 3])
def test_no_tries_leave_everything_open(counts):
    found = training_signal(counts)
    assert found.estimate is None and found.interval == Interval(0.0, mixed(0.5, 8))
    assert set_pass_at_k(counts, 4).estimate is None


@pytest.mark.parametrize("group", [1, 0, -8])
def test_groups_of_less_than_two_are_refused(group):
    with pytest.raises(ValueError, match="at least two"):
        training_signal([(1, 4)], group)


@pytest.mark.parametrize("k", [0, -1])
def test_a_k_below_one_is_refused(k):
    for estimate in (set_pass_at_k, set_pass_hat_k):
        with pytest.raises(ValueError, match="at least 1"):
            estimate([(1, 4)], k)


@pytest.mark.parametrize("confidence", [0, 1, math.nan])
@pytest.mark.parametrize("counts", [[(1, 4)], [(1, 4)] * 6, [(1, 1)], [(0, 8), (8, 8)]])
def test_impossible_levels_are_refused(counts, confidence):
    for about in ("these", "like_these"):
        with pytest.raises(ValueError, match="confidence"):
            training_signal(counts, 4, confidence, about=about)


def test_of_one_problem_pass_at_k_is_that_of_today():
    one, rate = [(3, 10)], wilson(3, 10)
    at, hat = set_pass_at_k(one, 4, about="these"), set_pass_hat_k(one, 4, about="these")
    assert Interval(at.low, at.high) == pass_at_k_interval(rate, 4, pass_at_k(3, 10, 4))
    assert Interval(hat.low, hat.high) == pass_hat_k_interval(rate, 4, pass_hat_k(3, 10, 4))


def test_problems_with_fewer_than_k_tries_are_left_out():
    found = set_pass_at_k([(1, 2), (4, 4), (0, 4)], 4)
    assert (found.estimate, found.problems) == (0.5, 2)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(2, 30))
def test_the_image_of_an_interval_of_rates(one, two, group):
    rates = Interval(min(one, two), max(one, two))
    grid = [mixed(rates.low + share / 50 * rates.width, group) for share in range(51)]
    found = image_of_mixed(rates, group)
    assert found.low <= min(grid) + 1e-9 and found.high >= max(grid) - 1e-9
    assert found.low >= min(grid) - 1e-9


@pytest.mark.parametrize(("problems", "tries"), [(5, 4), (20, 8), (50, 2), (50, 16)])
def test_the_interval_of_the_signal_covers(problems, tries):
    true = 1 - quad(lambda p: (p**8 + (1 - p) ** 8) * 3 * (1 - p) ** 2, 0, 1)[0]  # Beta(1, 3)
    random, covered = np.random.default_rng(5), 0
    for _ in range(400):
        passed = random.binomial(tries, random.beta(1, 3, problems))
        covered += true in training_signal([(int(one), tries) for one in passed], 8).interval
    assert covered >= 0.93 * 400


@pytest.mark.parametrize("tries", [4, 8])
@pytest.mark.parametrize("rates", [(0.1, 0.5), (0.0, 0.02, 0.3, 1.0), (0.0,) * 6 + (0.5,) * 4])
def test_it_covers_for_these_problems_alone(rates, tries):
    true = sum(mixed(rate, 8) for rate in rates) / len(rates)
    random, covered = np.random.default_rng(5), 0
    for _ in range(400):
        counts = [(int(one), tries) for one in random.binomial(tries, rates)]
        covered += true in training_signal(counts, 8, about="these").interval
    assert covered >= 0.93 * 400
