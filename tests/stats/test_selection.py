"""Rules that choose problems of a set: what they promise, simulated, and their arithmetic against its definition."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from benchmarks import selection as simulated
from evalkit.stats import Band
from evalkit.stats.selection import anytime, e_bh, expected, fewest_errors, log_evidence_in_band, signal

BAND = Band(0.10, 0.40)
COUNTS = [(0, 16)] * 20 + [(1, 16)] * 5 + [(4, 16)] * 20 + [(8, 16)] * 5 + [(16, 16)] * 10


@pytest.mark.parametrize("spread", simulated.SPREADS)
def test_expected_keeps_its_level_after_adaptive_stopping(spread):
    found = simulated.adaptive(spread, 20, 50, np.random.default_rng(2))
    false, deviation, _, _ = found.score(simulated.expected(found))
    assert false <= 0.115 + 2 * deviation


def test_expected_finds_what_common_practice_finds_with_fewer_false_ones():
    rng = np.random.default_rng(3)
    found, simple = simulated.adaptive("Beta(1, 3)", 10, 200, rng), simulated.tried("Beta(1, 3)", 10, 200, 8, rng)
    ours, common = found.score(simulated.expected(found)), simple.score(simulated.common_practice(simple))
    assert ours[2] > common[2] and ours[0] < common[0] / 2
    assert ours[3] <= 49


def test_expected_chooses_the_largest_set_within_the_level():
    errors = np.array([[0.02, 0.3, 0.08, 0.9]])
    chosen, error = fewest_errors(errors, np.array([6, 2, 2, 1]), 0.1)
    assert chosen.tolist() == [True, True, True, False] and error == pytest.approx(0.88 / 10)
    chosen, error = fewest_errors(errors, np.array([6, 2, 2, 1]), 0.05)
    assert chosen.tolist() == [True, False, True, False] and error == pytest.approx(0.28 / 8)
    chosen, error = fewest_errors(errors, np.array([6, 2, 2, 1]), 0.01)
    assert not chosen.any() and error == 0


def test_draws_that_disagree_on_the_error_make_the_choice_cautious():
    agreed = np.array([[0.09], [0.09]])
    assert fewest_errors(agreed, np.array([5]), 0.1)[0].all()
    assert not fewest_errors(np.array([[0.03], [0.15]]), np.array([5]), 0.1)[0].any()


def test_a_stricter_level_chooses_fewer_and_says_its_error():
    strict, loose = expected(COUNTS, BAND, 0.02), expected(COUNTS, BAND, 0.3)
    assert sum(strict.chosen) < sum(loose.chosen)
    assert strict.error is not None and strict.error <= 0.02 < loose.error <= 0.3
    assert all(there or not here for here, there in zip(strict.chosen, loose.chosen, strict=True))


@pytest.mark.parametrize("count", [(0, 5), (3, 12), (5, 12), (40, 40), (9, 30), (0, 320)])
@pytest.mark.parametrize("band", [BAND, Band(0.6, 0.9)])
def test_evidence_is_the_smaller_of_two_average_likelihood_ratios(count, band):
    passed, tries = count

    def against(end):
        def ratio(rate):
            return (rate / end) ** passed * ((1 - rate) / (1 - end)) ** (tries - passed)

        return quad(ratio, band.low, band.high)[0] / (band.high - band.low)

    said = float(np.exp(log_evidence_in_band(passed, tries, band)))
    assert said == pytest.approx(min(against(band.low), against(band.high)), rel=1e-6)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.99, 1.0])
def test_many_tries_far_from_the_band_are_no_evidence_for_it(rate):
    tries = np.arange(100, 5000, 100)
    assert (log_evidence_in_band((tries * rate).astype(int), tries, BAND) < 0).all()


@pytest.mark.parametrize("band", [Band(0.0, 0.4), Band(0.3, 1.0)])
def test_a_band_with_one_end_needs_evidence_against_that_end_only(band):
    inside, outside = (0, 40) if band.low == 0 else (40, 40), (40, 40) if band.low == 0 else (0, 40)
    assert log_evidence_in_band(*inside, band) > 5 > 0 > log_evidence_in_band(*outside, band)


def test_e_bh_accepts_the_most_that_its_threshold_allows():
    values = [100.0, 9.0, 45.0, 14.0]  # of 4, at 10 %: the k-th largest needs 40 / k
    assert e_bh(np.log(values), 0.1) == 3
    assert e_bh(np.log([39.0, 1, 1, 1]), 0.1) == 0
    assert e_bh(np.log([10.0, 10, 10, 10]), 0.1) == 4


@pytest.mark.parametrize("shared", [False, True])
def test_anytime_keeps_its_level_against_an_adversary_who_stops_at_a_false_one(shared):
    _, worst, _ = simulated.peeking("6, 20 and 50 %", 50, 50, 40, np.random.default_rng(4), shared=shared)
    assert worst <= 0.1


def test_anytime_chooses_what_is_proven():
    said = anytime([(50, 200), (250, 1000), (0, 200), (2, 8)], BAND)
    assert said.chosen == [True, True, False, False]
    assert said.order[:2] == [2, 1]
    assert said.evidence is not None and said.evidence[3] < 1 / 0.1 < said.evidence[0]


def test_signal_takes_the_problems_of_most_mixed_groups_with_ties_in_order():
    said = signal(COUNTS, BAND, 10, group=8)
    best = [number for number, passed in enumerate(COUNTS) if passed == (8, 16)]
    assert [number for number, chosen in enumerate(said.chosen) if chosen][-5:] == best
    assert sum(said.chosen) == 10 and [said.order[number] for number in best] == [1, 2, 3, 4, 5]
    assert said.order.index(6) == 25  # the first with 4 of 16


def test_signal_of_small_groups_is_smaller():
    assert all(
        small <= large
        for small, large in zip(signal(COUNTS, BAND, 5, 2).signal, signal(COUNTS, BAND, 5, 16).signal, strict=True)
    )


@pytest.mark.parametrize("spread", ["Beta(1, 3)", "5 and 30 %", "2, 25 and 70 %"])
def test_the_interval_of_the_signal_holds_although_the_chosen_look_better_than_they_are(spread):
    inside, true, everybody, promised = simulated.signal_coverage(spread, 30, 200, 8, np.random.default_rng(5))
    assert inside >= 0.86  # of 30, at 95 %, so few have a chance of 1 %
    assert everybody < true < promised


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: expected(COUNTS, BAND, 1.0), "level"),
        (lambda: anytime(COUNTS, BAND, 0.0), "level"),
        (lambda: expected(COUNTS, BAND, group=1), "group"),
        (lambda: signal(COUNTS, BAND, 0), "cannot be chosen"),
        (lambda: signal(COUNTS, BAND, len(COUNTS) + 1), "cannot be chosen"),
    ],
)
def test_settings_out_of_range_are_refused(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()


def test_evidence_of_thousands_of_tries_is_a_finite_number():
    said = anytime([(25_000, 100_000)], BAND)
    assert said.chosen == [True] and math.isfinite(said.evidence[0])
