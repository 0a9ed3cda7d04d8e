"""Sampling a set until it is decided: the sequence of a single rate as a special case, and its error under peeking."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats import Band, Decision
from evalkit.stats.sequential import ConfidenceSequence
from evalkit.stats.set_sequence import MeanSequence, SetUntilDecided, decide_like_these, decide_these

BAND = Band(0.1, 0.4)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.sampled_from([BAND, Band(0, 0.3), Band(0.5, 1)]))
def test_with_one_try_a_problem_it_decides_like_the_sequence_of_a_rate(results, band):
    single, ours = ConfidenceSequence(0.95), MeanSequence(band)
    for passed in results:
        single.observe(passed)
        if single.decide(band) is not Decision.UNDECIDED:
            assert ours.observe(float(passed)) is single.decide(band)
            return
        assert ours.observe(float(passed)) is Decision.UNDECIDED


@pytest.mark.parametrize(
    ("rates", "said"),
    [([0.25] * 80, Decision.IN_BAND), ([0.0] * 60, Decision.TOO_HARD), ([1.0] * 20, Decision.TOO_EASY)],
)
def test_clear_sets_are_decided(rates, said):
    found, at = decide_like_these(rates, BAND)
    assert found is said and at < len(rates)


def test_the_first_decision_stays():
    sequence = MeanSequence(BAND)
    for _ in range(20):
        sequence.observe(1.0)
    assert sequence.observe(*[0.0] * 500) is Decision.TOO_EASY


@pytest.mark.parametrize("mean", [0.0999, 0.1, 0.25, 0.4, 0.4001])
@pytest.mark.parametrize("spread", ["alike", "beta", "all or nothing"])
def test_looking_after_every_problem_is_wrong_rarely(mean, spread):
    random, sets, problems = np.random.default_rng(11), 60, 100
    right = Decision.IN_BAND if mean in BAND else Decision.TOO_HARD if mean < 0.1 else Decision.TOO_EASY
    wrong = 0
    for _ in range(sets):
        rates = {
            "alike": np.full(problems, mean),
            "beta": random.beta(0.8 * mean, 0.8 * (1 - mean), problems),
            "all or nothing": (random.random(problems) < mean).astype(float),
        }[spread]
        said, _ = decide_like_these((random.binomial(4, rates) / 4).tolist(), BAND)
        wrong += said not in (Decision.UNDECIDED, right)
    assert wrong <= 0.05 * sets + 4  # benchmarks/set_intervals.py simulates 20,000 sets


@pytest.mark.parametrize("rates", [(0.09,) * 4, (0.0, 0.0, 0.0, 0.38), (0.41,) * 3, (1.0, 0.12, 0.12)])
def test_looking_after_every_round_is_wrong_rarely_about_these(rates):
    random, mean = np.random.default_rng(12), sum(rates) / len(rates)
    right = Decision.IN_BAND if mean in BAND else Decision.TOO_HARD if mean < 0.1 else Decision.TOO_EASY
    wrong = 0
    for _ in range(60):
        said, _ = decide_these((random.random((80, len(rates))) < rates).tolist(), BAND)
        wrong += said not in (Decision.UNDECIDED, right)
    assert wrong <= 0.05 * 60 + 4


def test_results_count_by_the_number_of_their_problem():
    rates = [(8, 8)] * 5 + [(0, 0)] + [(7, 8)] * 10
    in_order, at = decide_like_these([passed / tries for passed, tries in rates if tries], BAND)
    until = SetUntilDecided(BAND)
    for number in reversed(range(2, len(rates) + 1)):
        assert until.add(number, *rates[number - 1]) is Decision.UNDECIDED
    assert until.add(1, *rates[0]) is in_order is Decision.TOO_EASY
    assert until.decided_at == at + (at > 5)


def test_the_interval_holds_what_was_observed():
    sequence = MeanSequence(BAND)
    assert (sequence.interval.low, sequence.interval.high) == (0, 1)
    for value in (0.25, 0.5, 0.0):
        sequence.observe(value)
    assert 0.25 in sequence.interval


def test_a_unit_without_values_tells_nothing():
    sequence = MeanSequence(BAND)
    assert sequence.observe() is Decision.UNDECIDED and sequence.units == 0


def test_a_band_that_reaches_to_0_is_decided_by_its_other_end():
    for low in (0.0, 1e-300):
        assert decide_like_these([0.0] * 40, Band(low, 0.4))[0] is Decision.IN_BAND


@pytest.mark.parametrize("confidence", [0, 1, -1, float("nan")])
def test_impossible_levels_are_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        MeanSequence(BAND, confidence)


def test_impossible_results_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        MeanSequence(BAND).observe(1.5)
    with pytest.raises(ValueError, match="cannot have passed"):
        SetUntilDecided(BAND).add(1, 3, 2)
    with pytest.raises(ValueError, match="round 2 has 1 results"):
        decide_these([[True, False], [True]], BAND)
    with pytest.raises(ValueError, match="round 1 has 0 results"):
        decide_these([[]], BAND)
