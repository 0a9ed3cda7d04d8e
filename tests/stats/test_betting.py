"""Betting on a bounded mean: what it has in common with binomial evidence, and that it keeps its level."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.betting import bounded_mean, log_evidence_mean_below
from evalkit.stats.evidence import log_evidence_below
from evalkit.stats.sequential import lower_bound, upper_bound

values = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(st.integers(0, 30), st.integers(0, 30), st.floats(0.01, 0.99))
def test_of_zeros_and_ones_it_is_the_evidence_of_a_rate(passed, failed, rate):
    found = log_evidence_mean_below([1.0] * passed + [0.0] * failed, rate)
    assert found == pytest.approx(float(log_evidence_below(passed, passed + failed, rate)), abs=1e-6)


@given(st.integers(0, 30), st.integers(0, 30))
def test_and_so_are_its_bounds(passed, failed):
    found = bounded_mean([1.0] * passed + [0.0] * failed, 0.9, peeking=True)
    assert found.high == pytest.approx(upper_bound(passed, passed + failed, 0.05), abs=1e-7)
    assert found.low == pytest.approx(lower_bound(passed, passed + failed, 0.05), abs=1e-7)


@given(values, st.randoms())
def test_it_holds_the_mean_mirrors_and_knows_no_order(values, random):
    found, mirrored = bounded_mean(values), bounded_mean([1 - value for value in values])
    assert 0 <= found.low <= math.fsum(values) / len(values) + 1e-9
    assert math.fsum(values) / len(values) - 1e-9 <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-9)
    random.shuffle(values)
    again = bounded_mean(values)
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=1e-9)


@given(values, st.floats(0.02, 0.97))
def test_evidence_grows_with_the_mean_it_speaks_against(values, mean):
    assert log_evidence_mean_below(values, mean) <= log_evidence_mean_below(values, mean + 0.01) + 1e-9


@pytest.mark.parametrize("support", [((0.0, 0.75), (1.0, 0.25)), ((0.0, 0.5), (0.5, 0.5)), ((0.1, 0.9), (1.0, 0.1))])
def test_the_stake_is_a_fair_game_under_the_true_mean(support):
    mean = sum(value * chance for value, chance in support)
    stake = 0.0
    for draws in product(support, repeat=5):
        chance = math.prod(chance for _, chance in draws)
        stake += chance * math.exp(log_evidence_mean_below([value for value, _ in draws], mean))
    assert stake == pytest.approx(1)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, math.nan])
def test_impossible_levels_are_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        bounded_mean([0.5], confidence)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_values_outside_are_refused(value):
    with pytest.raises(ValueError, match="between 0 and 1"):
        bounded_mean([0.5, value])


def test_no_values_tell_nothing():
    found = bounded_mean([])
    assert (found.low, found.high) == (0, 1)


@given(values)
def test_a_number_fixed_beforehand_mostly_gives_the_narrower_interval(values):
    assert bounded_mean(values).width <= 1.06 * bounded_mean(values, peeking=True).width


@pytest.mark.parametrize("support", [((0.0, 0.9), (1.0, 0.1)), ((0.3, 0.9), (1.0, 0.1)), ((0.0, 0.5), (0.5, 0.5))])
@pytest.mark.parametrize("draws", [1, 5, 9])
def test_it_covers_whatever_the_distribution_is(support, draws):
    (one, _), (two, chance) = support
    mean = sum(value * weight for value, weight in support)
    covered = 0.0
    for times in range(draws + 1):
        weight = math.comb(draws, times) * chance**times * (1 - chance) ** (draws - times)
        covered += weight * (mean in bounded_mean([two] * times + [one] * (draws - times)))
    assert covered >= 0.95


def test_rare_passes_of_many_are_above_nothing():
    found = bounded_mean([0.0] * 9_996 + [1.0] * 4)
    assert 0 < found.low < 0.0004 < found.high < 0.002
