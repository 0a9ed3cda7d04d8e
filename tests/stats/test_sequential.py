"""Confidence sequences: their evidence against its definition, their errors under continuous peeking, stopping."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from benchmarks import coverage
from evalkit.stats import Band, ConfidenceSequence, Decision, UntilDecided, wilson
from evalkit.stats.evidence import log_evidence_above, log_evidence_below
from evalkit.stats.sequential import lower_bound, upper_bound

BAND = Band(0.10, 0.40)
counts = st.integers(1, 300).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs)))


@pytest.mark.parametrize(("passed", "runs", "rate"), [(0, 10, 0.3), (1, 30, 0.1), (5, 12, 0.7), (3, 40, 0.4)])
def test_evidence_is_the_average_likelihood_ratio_over_lower_rates(passed, runs, rate):
    def ratio(q):
        return (q / rate) ** passed * ((1 - q) / (1 - rate)) ** (runs - passed)

    below = quad(ratio, 0, rate)[0] / rate
    above = quad(ratio, rate, 1)[0] / (1 - rate)
    assert np.exp(log_evidence_below(passed, runs, rate)) == pytest.approx(below, rel=1e-7)
    assert np.exp(log_evidence_above(passed, runs, rate)) == pytest.approx(above, rel=1e-7)


@given(counts, st.floats(0.001, 0.2))
def test_bounds_enclose_the_observed_rate_and_mirror(count, error):
    passed, runs = count
    low, high = lower_bound(passed, runs, error), upper_bound(passed, runs, error)
    assert 0 <= low <= passed / runs <= high <= 1
    assert high == pytest.approx(1 - lower_bound(runs - passed, runs, error), abs=1e-12)


@given(counts, st.floats(0.001, 0.2))
def test_evidence_separates_rates_at_the_bound(count, error):
    """Everything above the bound is excluded and everything between rate and bound is not: one crossing."""
    passed, runs = count
    bound = upper_bound(passed, runs, error)
    grid = np.linspace(1e-3, 1 - 1e-3, 400)
    excluded = log_evidence_below(passed, runs, grid) >= -np.log(error)
    assert not excluded[grid < bound - 1e-9].any()
    assert excluded[grid > bound + 1e-9].all()


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=1, max_size=120))
def test_the_interval_holds_what_all_looks_hold_and_a_look_more_than_a_single_interval(results):
    sequence, passed = ConfidenceSequence(), 0
    lows, highs = [0.0], [1.0]
    for runs, result in enumerate(results, 1):
        passed += result
        found = sequence.observe(result)
        lows.append(lower_bound(passed, runs, 0.025))
        highs.append(upper_bound(passed, runs, 0.025))
        if max(lows) <= min(highs):
            assert (found.low, found.high) == pytest.approx((max(lows), min(highs)), abs=1e-12)
        single = wilson(passed, runs)
        assert lows[-1] <= single.low and single.high <= highs[-1]


def test_misleading_first_looks_are_dropped_once_nothing_is_left():
    sequence = ConfidenceSequence()
    for _ in range(12):
        sequence.observe(True)
    assert sequence.interval.low > 0.6
    for _ in range(200):
        sequence.observe(False)
    assert 12 / 212 in sequence.interval and sequence.interval.high < 0.2


@pytest.mark.parametrize("percent", [1, 2, 5, 10, 25, 40, 50, 80, 95, 99])
def test_the_truth_is_ever_excluded_less_often_than_the_level(percent):
    assert coverage.sequence_miss(percent / 100, looks=200) <= 0.05


def test_decisions_are_wrong_less_often_than_the_level_however_often_one_looks():
    claims = coverage.Claims.of_sequence(looks=300)
    for rate in [*coverage.RATES[::7], 0.0999999, 0.1, 0.4, 0.4000001]:
        said, _ = claims.stop(rate, looks=300)
        assert sum(chance for word, chance in said.items() if word is not coverage.truth(rate)) <= 0.05


@pytest.mark.parametrize("confidence", coverage.LEVELS)
@pytest.mark.parametrize("band", coverage.BANDS)
def test_decisions_keep_their_level_in_narrow_and_in_wide_bands(band, confidence):
    """The last band is so narrow that the whole error a side would not keep it: see `levels`."""
    found = coverage.decision_errors(coverage.telling_rates(Band(*band)), 200, Band(*band), confidence)
    assert found.max() <= 1 - confidence
    assert found.max() > 0 or band == (0.01, 0.99)  # there nothing wrong can be said within 200 runs


def test_believing_the_fixed_number_verdict_while_peeking_is_what_this_protects_from():
    assert coverage.peeking_error(0.4, looks=200) > 0.2


@pytest.mark.parametrize("rate", [0.02, 0.25, 0.8])
def test_a_decision_takes_fewer_runs_on_average_than_a_fixed_plan_that_knew_the_rate(rate):
    _, stops = coverage.Claims.of_sequence(looks=600).stop(rate, looks=600)
    mean = (np.arange(601) * stops).sum() + 600 * (1 - stops.sum())
    assert mean < coverage.fixed_plan(rate)


@pytest.mark.parametrize("rate", [0.02, 0.25, 0.8])
def test_simulated_launches_stop_when_the_computed_ones_do(rate):
    """Ties the class to the dynamic programme that the figures in docs/statistics.md come from."""
    _, stops = coverage.Claims.of_sequence(looks=400).stop(rate, looks=400)
    expected = (np.arange(401) * stops).sum() + 400 * (1 - stops.sum())
    rng = random.Random(7)
    lengths, wrong = [], 0
    for _ in range(40):
        until = UntilDecided(BAND)
        number = 0
        while until.decision is Decision.UNDECIDED and number < 400:
            number += 1
            until.add(number, rng.random() < rate)
        wrong += until.decision is not coverage.truth(rate)
        lengths.append(number)
    assert wrong <= 2  # at a chance of 5 % at most
    spread = np.sqrt((np.arange(401) ** 2 * stops).sum() - expected**2)
    assert abs(np.mean(lengths) - expected) < 4 * spread / np.sqrt(40)


def test_results_count_in_the_order_of_their_runs():
    rng = random.Random(3)
    results = [rng.random() < 0.8 for _ in range(60)]
    straight, shuffled = UntilDecided(BAND), UntilDecided(BAND)
    for number, result in enumerate(results, 1):
        straight.add(number, result)
    order = list(enumerate(results, 1))
    rng.shuffle(order)
    for number, result in order:
        shuffled.add(number, result)
    assert straight.decided_at is not None
    assert (shuffled.decision, shuffled.decided_at) == (straight.decision, straight.decided_at)
    assert shuffled.sequence.interval == straight.sequence.interval


def test_a_missing_run_holds_the_decision_back():
    until = UntilDecided(BAND)
    for number in range(2, 40):
        assert until.add(number, True) is Decision.UNDECIDED
    assert until.add(1, True) is Decision.TOO_EASY


def test_errors_are_skipped():
    until = UntilDecided(BAND)
    for number in range(1, 30):
        until.add(number, None)
    assert until.sequence.runs == 0
    assert until.decision is Decision.UNDECIDED


def test_an_open_ended_band_is_decided_at_its_other_end():
    until = UntilDecided(Band(0.5, 1.0))
    for number in range(1, 40):
        until.add(number, True)
    assert until.decision is Decision.IN_BAND
