"""The verdict against a band, and the number of runs that an undecided one still needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evalkit.stats import Band, Decision, Interval, decide, runs_to_decide, verdict, wilson

BAND = Band(0.10, 0.40)
rates = st.floats(0.01, 0.99)


@pytest.mark.parametrize(
    ("interval", "decision"),
    [
        (Interval(0.10, 0.40), Decision.IN_BAND),
        (Interval(0.41, 0.60), Decision.TOO_EASY),
        (Interval(0.01, 0.09), Decision.TOO_HARD),
        (Interval(0.09, 0.30), Decision.UNDECIDED),
        (Interval(0.20, 0.41), Decision.UNDECIDED),
        (Interval(0.05, 0.50), Decision.UNDECIDED),
        (Interval(0.40, 0.60), Decision.UNDECIDED),  # touches the band
        (Interval(0.0, 1.0), Decision.UNDECIDED),
    ],
)
def test_the_interval_decides(interval, decision):
    assert decide(interval, BAND) is decision


@pytest.mark.parametrize(
    ("passed", "runs", "text"),
    [
        (4, 15, "UNDECIDED"),
        (50, 200, "IN BAND"),
        (180, 200, "TOO EASY"),
        (2, 200, "TOO HARD"),
        (0, 0, "UNDECIDED"),
    ],
)
def test_verdicts_read_as_in_reports(passed, runs, text):
    assert str(verdict(passed, runs, BAND)) == text


@pytest.mark.parametrize(
    ("passed", "runs", "more"),
    [(4, 15, 37), (15, 34, 510), (4, 10, None), (0, 0, None), (50, 200, None)],  # 4 of 10 lie exactly on the edge
)
def test_how_many_more_runs_it_would_take_at_this_rate(passed, runs, more):
    assert verdict(passed, runs, BAND).more_runs == more


@given(rates, rates, rates, st.floats(0.6, 0.99))
def test_runs_to_decide_is_the_least_number_that_does(rate, one, two, confidence):
    low, high = sorted((one, two))
    if high - low < 0.02 or min(abs(rate - low), abs(rate - high)) < 0.01:
        return
    band = Band(low, high)
    needed = runs_to_decide(rate, band, confidence)
    assert needed is not None
    said = decide(wilson(rate * needed, needed, confidence), band)
    assert said is not Decision.UNDECIDED
    if needed > 1:
        assert decide(wilson(rate * (needed - 1), needed - 1, confidence), band) is Decision.UNDECIDED


def test_open_ended_bands_need_no_evidence_at_their_open_end():
    assert verdict(60, 60, Band(0.5, 1.0)).decision is Decision.IN_BAND
    assert verdict(0, 60, Band(0.0, 0.5)).decision is Decision.IN_BAND
    assert runs_to_decide(1.0, Band(0.5, 1.0)) == 4


@pytest.mark.parametrize("runs", [15, 50, 100, 200])
def test_a_fixed_number_of_runs_is_wrong_less_often_than_its_level(runs):
    said = [verdict(k, runs, BAND).decision for k in range(runs + 1)]
    for percent in [*range(1, 100), 9.999, 40.001]:
        rate = percent / 100
        right = Decision.IN_BAND if rate in BAND else Decision.TOO_HARD if rate < BAND.low else Decision.TOO_EASY
        wrong = sum(binom.pmf(k, runs, rate) for k, word in enumerate(said) if word not in (right, Decision.UNDECIDED))
        assert wrong <= 0.05


@pytest.mark.parametrize(("low", "high"), [(0.4, 0.1), (0.2, 0.2), (-0.1, 0.5), (0.1, 1.1)])
def test_impossible_bands_are_refused(low, high):
    with pytest.raises(ValueError, match="band"):
        Band(low, high)


def test_a_band_prints_as_in_the_closing_block():
    assert str(BAND) == "10-40%"
    assert str(Band(0.125, 0.5)) == "12.5-50%"
