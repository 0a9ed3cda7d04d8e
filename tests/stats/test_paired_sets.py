"""Models on the same problems: permutation test by enumeration, McNemar as a special case, Holm, ranks."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from evalkit.stats import paired_sets
from evalkit.stats.comparisons import mcnemar
from evalkit.stats.paired_sets import compare_sets, holm, rank_models, sign_flips

count = st.integers(0, 6).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries)))
tried = st.integers(1, 6).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries)))
pairs = st.lists(st.tuples(count, count), max_size=8)


@given(st.lists(st.tuples(tried, tried), max_size=8))
def test_the_test_is_the_enumeration_of_all_signs(both):
    steps = [two[0] / two[1] - one[0] / one[1] for one, two in both]
    as_far = [
        abs(math.fsum(sign * step for sign, step in zip(signs, steps, strict=True))) >= abs(math.fsum(steps)) - 1e-9
        for signs in product((-1, 1), repeat=len(steps))
    ]
    assert sign_flips(both)[0] == pytest.approx(sum(as_far) / len(as_far))


def test_it_agrees_with_scipy():
    both = [((1, 4), (3, 4)), ((0, 4), (1, 4)), ((2, 4), (2, 4)), ((4, 4), (3, 4)), ((1, 4), (4, 4)), ((0, 4), (2, 4))]
    differences = np.array([two[0] / 4 - one[0] / 4 for one, two in both])
    theirs = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flips(both)[0] == pytest.approx(theirs.pvalue)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_with_one_try_each_it_is_mcnemar(results):
    both = [((int(one), 1), (int(two), 1)) for one, two in results]
    only_1 = sum(one and not two for one, two in results)
    only_2 = sum(two and not one for one, two in results)
    assert sign_flips(both)[0] == pytest.approx(mcnemar(only_1, only_2))


def test_large_sets_draw_permutations(monkeypatch):
    both = [((k % 4, 4), (min(4, k % 4 + k % 3), 4)) for k in range(60)]
    exact, method = sign_flips(both)
    assert method == "exact permutation"
    monkeypatch.setattr(paired_sets, "EXACT_WORK", 0)
    drawn, method = sign_flips(both)
    assert method == "drawn permutations" and drawn == sign_flips(both)[0]
    assert drawn == pytest.approx(exact, abs=0.01) and drawn >= 1 / (paired_sets.DRAWS + 1)


@settings(deadline=None)
@given(pairs)
def test_a_comparison_mirrors_and_holds_its_difference(both):
    one, two = [first for first, _ in both], [second for _, second in both]
    found, mirrored = compare_sets(one, two), compare_sets(two, one)
    assert found.p_value == mirrored.p_value and 0 < found.p_value <= 1
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (-mirrored.interval.high, -mirrored.interval.low), abs=1e-8
    )
    assert -1 <= found.interval.low <= found.interval.high <= 1
    assert found.problems == sum(bool(first[1] and second[1]) for first, second in both)
    if found.problems:
        assert found.interval.low - 1e-9 <= found.difference <= found.interval.high + 1e-9
    else:
        assert found.difference is None and found.p_value == 1


def test_pairing_saves_runs_where_problems_differ():
    random = np.random.default_rng(4)
    rates = random.beta(0.3, 0.3, 60)
    one, two = ([(int(k), 8) for k in random.binomial(8, rates)] for _ in range(2))
    assert compare_sets(one, two).saved > 4
    shuffled = [two[index] for index in random.permutation(60)]
    assert compare_sets(one, shuffled).saved == pytest.approx(1, abs=0.4)
    assert compare_sets(one, one).saved is None


@pytest.mark.parametrize("spread", [(50, 150), (0.3, 0.9)])
def test_the_paired_test_keeps_its_level_and_the_interval_covers(spread):
    random, rejected, covered = np.random.default_rng(6), 0, 0
    for _ in range(300):
        rates = random.beta(*spread, 25)
        one, two = ([(int(k), 4) for k in random.binomial(4, rates)] for _ in range(2))
        found = compare_sets(one, two)
        rejected += found.differs()
        covered += 0.0 in found.interval
    assert rejected <= 0.05 * 300 + 8 and covered >= 0.93 * 300


def test_ten_thousand_problems_are_compared_at_once():
    one = [(index % 9, 8) for index in range(10_000)]
    better = [(min(8, 5 * index % 9 + index % 2), 8) for index in range(10_000)]
    found = compare_sets(one, better)
    assert found.method == "drawn permutations" and found.p_value == 1 / (paired_sets.DRAWS + 1)


def test_unpaired_lists_are_refused():
    with pytest.raises(ValueError, match="cannot be paired"):
        compare_sets([(1, 2)], [])
    with pytest.raises(ValueError, match="cannot have passed"):
        compare_sets([(3, 2)], [(0, 0)])


def test_holm_by_hand():
    # 4 × 0.005, 3 × 0.01, 2 × 0.03, and 1 × 0.04, which must not be less than the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.4, 1.0]) == [0.8, 1.0]


@given(st.lists(st.floats(0, 1), max_size=10))
def test_holm_keeps_the_order_and_never_lowers(p_values):
    adjusted = holm(p_values)
    assert all(one <= two <= 1 for one, two in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    assert all(adjusted[one] <= adjusted[two] for one, two in pairwise(order))


@pytest.mark.parametrize("p_value", [-0.1, 1.1, math.nan])
def test_impossible_p_values_are_refused(p_value):
    with pytest.raises(ValueError, match="p-values"):
        holm([0.5, p_value])


def test_ranks_say_what_is_left_open():
    problems = 30
    models = {
        "weak": [(0, 4)] * problems,
        "twin": [(2 + index % 2, 4) for index in range(problems)],
        "other twin": [(3 - index % 2, 4) for index in range(problems)],
        "untried": [(0, 0)] * problems,
    }
    ranks = {rank.model: rank for rank in rank_models(models).ranks}
    assert [(ranks[name].best, ranks[name].worst) for name in models] == [(3, 4), (1, 3), (1, 3), (1, 4)]
    assert ranks["untried"].rate is None and next(iter(ranks)) in ("twin", "other twin")


def test_one_model_has_the_one_rank():
    (rank,) = rank_models({"only": [(1, 2)]}).ranks
    assert (rank.best, rank.worst) == (1, 1)
    assert rank_models({}).ranks == ()


@pytest.mark.parametrize("confidence", [0, 1, math.nan])
def test_impossible_levels_are_refused(confidence):
    for compare in (lambda: compare_sets([(1, 2)], [(0, 2)], confidence), lambda: rank_models({}, confidence)):
        with pytest.raises(ValueError, match="confidence"):
            compare()


def test_a_thousand_different_numbers_of_tries_are_no_number_too_large() -> None:
    one, two = [(tries // 2, tries) for tries in range(1, 1001)], [(tries // 3, tries) for tries in range(1, 1001)]
    found = compare_sets(one, two)
    assert found.method == "drawn permutations" and found.p_value == pytest.approx(1 / 10_000)
    assert compare_sets(one, one).p_value == 1
