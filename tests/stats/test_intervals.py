"""Intervals of one rate: published values, what holds for all counts, and coverage computed exactly."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from evalkit.stats import Interval, exact, wilson
from evalkit.stats.intervals import normal_quantile

counts = st.integers(1, 400).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs)))
levels = st.floats(0.5, 0.999)


@pytest.mark.parametrize(
    ("passed", "runs", "low", "high"),
    [
        (4, 10, 0.168, 0.687),  # the ten runs that authors hope with
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), Stat. Med. 17, 857-872, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 1 - 0.1170, 1.0),
    ],
)
def test_wilson_gives_published_values(passed, runs, low, high):
    found = wilson(passed, runs)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


@given(counts, levels)
def test_wilson_and_exact_agree_with_scipy(count, confidence):
    passed, runs = count
    reference = binomtest(passed, runs)
    for ours, name in ((wilson, "wilson"), (exact, "exact")):
        theirs = reference.proportion_ci(confidence, name)
        found = ours(passed, runs, confidence)
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(counts, levels)
def test_an_interval_holds_the_observed_rate_and_mirrors(count, confidence):
    passed, runs = count
    for method in (wilson, exact):
        found, mirrored = method(passed, runs, confidence), method(runs - passed, runs, confidence)
        assert 0 <= found.low <= passed / runs <= found.high <= 1
        assert (found.low, found.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-12)


@given(counts, st.floats(0.5, 0.98))
def test_more_confidence_means_a_wider_interval(count, confidence):
    assert wilson(*count, confidence).within(wilson(*count, confidence + 0.01))


def test_the_ends_are_exactly_zero_and_one():
    assert wilson(0, 7).low == exact(0, 7).low == 0.0
    assert wilson(7, 7).high == exact(7, 7).high == 1.0


def test_no_runs_tell_nothing():
    assert wilson(0, 0) == exact(0, 0) == Interval(0.0, 1.0)


@pytest.mark.parametrize(("passed", "runs"), [(-1, 5), (6, 5), (1, 0)])
def test_impossible_counts_are_refused(passed, runs):
    for method in (wilson, exact):
        with pytest.raises(ValueError, match="cannot have passed"):
            method(passed, runs)


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 1.5, math.nan])
def test_impossible_levels_are_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        normal_quantile(confidence)


def coverage(method, runs, rate):
    return sum(binom.pmf(k, runs, rate) for k in range(runs + 1) if rate in method(k, runs))


@pytest.mark.parametrize("runs", [10, 30, 100])
def test_exact_covers_every_rate_and_wilson_the_average_one(runs):
    rates = [percent / 100 for percent in range(1, 100)]
    assert min(coverage(exact, runs, rate) for rate in rates) >= 0.95
    assert sum(coverage(wilson, runs, rate) for rate in rates) / 99 >= 0.949


def test_intersection():
    assert Interval(0.1, 0.2).intersect(Interval(0.5, 0.6)) is None
    assert Interval(0.1, 0.5).intersect(Interval(0.3, 0.9)) == Interval(0.3, 0.5)
