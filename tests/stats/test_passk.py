"""pass@k and pass^k: known values, and that they are unbiased."""

from itertools import combinations
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evalkit.stats import pass_at_k, pass_hat_k

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
