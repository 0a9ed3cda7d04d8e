"""pass@k and pass^k: known values, and that they are unbiased."""

from itertools import combinations
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evalkit.stats import exact, pass_at_k, pass_hat_k
from evalkit.stats.intervals import Interval
from evalkit.stats.passk import pass_at_k_interval, pass_hat_k_interval

cases = st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n)))


@given(cases)
def test_both_are_the_share_of_all_choices_of_k_runs(case):
    passed, runs, k = case
    results = [True] * passed + [False] * (runs - passed)
    chosen = list(combinations(results, k))
    assert isclose(pass_at_k(passed, runs, k), sum(map(any, chosen)) / len(chosen), abs_tol=1e-12)
    assert isclose(pass_hat_k(passed, runs, k), sum(map(all, chosen)) / len(chosen), abs_tol=1e-12)


@pytest.mark.parametrize("rate", [0.02, 0.25, 0.8])
def test_neither_is_biased(rate):
    runs, k = 20, 5
    weights = [binom.pmf(passed, runs, rate) for passed in range(runs + 1)]
    at = sum(w * pass_at_k(passed, runs, k) for passed, w in enumerate(weights))
    hat = sum(w * pass_hat_k(passed, runs, k) for passed, w in enumerate(weights))
    assert at == pytest.approx(1 - (1 - rate) ** k)
    assert hat == pytest.approx(rate**k)


@pytest.mark.parametrize(("passed", "runs", "k"), [(1, 10, 0), (1, 10, 11), (11, 10, 1), (-1, 10, 1), (0, 0, 1)])
def test_impossible_questions_are_refused(passed, runs, k):
    for estimate in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError):
            estimate(passed, runs, k)


@given(cases, st.sampled_from([0.8, 0.95]))
def test_an_interval_holds_the_estimate_and_covers_as_often_as_that_of_the_rate(count, confidence):
    passed, runs, k = count
    rate = exact(passed, runs, confidence)
    at = pass_at_k_interval(rate, k, pass_at_k(passed, runs, k))
    hat = pass_hat_k_interval(rate, k, pass_hat_k(passed, runs, k))
    assert pass_at_k(passed, runs, k) in at and pass_hat_k(passed, runs, k) in hat
    for p in (rate.low, (rate.low + rate.high) / 2, rate.high):  # every rate that the one allows, the others allow
        assert at.low - 1e-12 <= 1 - (1 - p) ** k <= at.high + 1e-12
        assert hat.low - 1e-12 <= p**k <= hat.high + 1e-12
    assert 0 <= at.low <= at.high <= 1 and 0 <= hat.low <= hat.high <= 1


def test_of_one_try_both_are_the_rate():
    rate = Interval(0.2, 0.6)
    assert pass_at_k_interval(rate, 1, 0.4).low == pytest.approx(0.2)
    assert pass_hat_k_interval(rate, 1, 0.4) == rate
