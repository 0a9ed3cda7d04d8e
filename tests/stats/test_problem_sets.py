"""The two meanings of a set's rate: what they are of one problem, of one try each, and how often they cover."""

import math
from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, ttest_1samp

from benchmarks import set_intervals
from evalkit.stats import Band, Decision, like_these, these_problems, wilson
from evalkit.stats.problem_sets import largest_variance, mean_rate, set_verdict

count = st.integers(0, 20).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries)))
sets = st.lists(count, max_size=12)
levels = st.floats(0.5, 0.999)


@given(count, levels)
def test_of_one_problem_the_rate_is_that_of_today(count, confidence):
    found, single = these_problems([count], confidence), wilson(*count, confidence)
    assert (found.low, found.high) == (single.low, single.high)


@given(st.lists(st.booleans(), min_size=1, max_size=40), levels)
def test_with_one_try_each_both_meanings_are_that_of_a_rate(passes, confidence):
    counts = [(int(passed), 1) for passed in passes]
    single = wilson(sum(passes), len(passes), confidence)
    for meaning in (these_problems, like_these):
        found = meaning(counts, confidence)
        assert (found.low, found.high) == pytest.approx((single.low, single.high), abs=1e-12)


@given(sets, levels)
def test_an_interval_holds_the_estimate_and_mirrors(counts, confidence):
    failures = [(tries - passed, tries) for passed, tries in counts]
    for meaning in (these_problems, like_these):
        found, mirrored = meaning(counts, confidence), meaning(failures, confidence)
        assert 0 <= found.low <= found.high <= 1
        assert (found.low, found.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-8)
        if found.estimate is not None:
            assert found.low - 1e-9 <= found.estimate <= found.high + 1e-9


@given(sets)
def test_problems_without_tries_are_left_out(counts):
    there = [each for each in counts if each[1]]
    for meaning in (these_problems, like_these):
        assert meaning(counts) == meaning(there)
        assert meaning(counts).problems == len(there)


def test_no_tries_tell_nothing():
    for meaning in (these_problems, like_these):
        found = meaning([(0, 0)])
        assert (found.low, found.high, found.estimate, found.method) == (0, 1, None, "no tries")


@pytest.mark.parametrize("counts", [[(2, 1)], [(-1, 3)], [(1, 0)], [(1, 2), (0, -1)]])
def test_impossible_counts_are_refused(counts):
    for meaning in (these_problems, like_these):
        with pytest.raises(ValueError, match="cannot have passed"):
            meaning(counts)


@pytest.mark.parametrize("confidence", [0, 1, -0.1, 1.5, math.nan])
@pytest.mark.parametrize("counts", [[], [(1, 4)], [(1, 4)] * 8, [(0, 4), (2, 3)]])
def test_impossible_levels_are_refused(counts, confidence):
    for meaning in (these_problems, like_these):
        with pytest.raises(ValueError, match="confidence"):
            meaning(counts, confidence)


def test_every_problem_weighs_the_same():
    assert mean_rate([(100, 100), (0, 1)]) == 0.5


@given(st.floats(0, 1), st.integers(1, 9), st.integers(1, 9))
def test_with_equal_tries_the_largest_variance_is_the_binomial_one(mean, problems, tries):
    found = largest_variance(mean, Counter({tries: problems}))
    assert found == pytest.approx(mean * (1 - mean) / (problems * tries), abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=6))
def test_no_rates_vary_more_than_the_largest_variance(problems):
    mean = math.fsum(rate for rate, _ in problems) / len(problems)
    variance = math.fsum(rate * (1 - rate) / tries for rate, tries in problems) / len(problems) ** 2
    assert variance <= largest_variance(mean, Counter(tries for _, tries in problems)) + 1e-12


def test_unequal_problems_are_known_better_than_a_rate_is():
    counts = [(0, 16)] * 30 + [(16, 16)] * 10
    found = these_problems(counts)
    assert found.method == "stratified"
    assert found.width < 0.5 * wilson(160, 640).width


@pytest.mark.parametrize("rates", [(0.3,) * 5, (0.1, 0.9, 0.5), (0.5, 0.02, 0.02, 0.02), (0.0, 1.0, 0.6)])
def test_these_problems_cover_whatever_their_rates_are(rates):
    tries, mean = 3, sum(rates) / len(rates)
    covered = 0.0
    for passed in product(range(tries + 1), repeat=len(rates)):
        if mean in these_problems([(one, tries) for one in passed]):
            covered += math.prod(binom.pmf(one, tries, rate) for one, rate in zip(passed, rates, strict=True))
    runs = tries * len(rates)
    alike = sum(binom.pmf(passed, runs, mean) for passed in range(runs + 1) if mean in wilson(passed, runs))
    assert covered >= min(0.93, alike) - 1e-9  # 15 runs at 30 %: Wilson's own interval covers 91.5 %


def test_the_clustered_t_is_that_of_scipy():
    counts = [(passed, 16) for passed in (1, 3, 4, 4, 5, 6, 7, 9, 2, 4, 5, 3) * 2]
    found = like_these(counts)
    theirs = ttest_1samp([passed / 16 for passed, _ in counts], 0).confidence_interval(0.95)
    assert found.method == "clustered t"
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([(3, 8)], "1 problem is too few"),
        ([(3, 8), (4, 8)] * 9, "18 problems are too few"),
        ([(3, 8)] * 30, "show the same"),
        ([(0, 8)] * 29 + [(8, 8)], "so skew"),
    ],
)
def test_where_student_fails_betting_takes_over_and_says_why(counts, why):
    found = like_these(counts)
    assert found.method == "betting" and why in found.why


def test_one_problem_says_next_to_nothing_about_problems_like_it():
    assert like_these([(50, 100)]).width > 0.9


@pytest.mark.parametrize("spread", set_intervals.SPREADS)
@pytest.mark.parametrize(("problems", "tries"), [(5, 1), (5, 4), (10, 16), (50, 4)])
def test_both_meanings_and_the_signal_cover(spread, problems, tries):
    found = set_intervals.row(spread, problems, tries, 600)  # holds some of the sets against the package, too
    assert min(found["these"], found["like"], found["signal"]) >= 0.93 - 0.02  # two standard errors


def test_where_problems_differ_a_pooled_interval_does_not():
    assert set_intervals.row("Beta(0.2, 0.6)", 10, 16, 600)["pooled"] < 0.6


@pytest.mark.parametrize("problems", [1, 5, 19])
def test_few_problems_are_covered_even_if_a_rare_kind_is_not_among_them(problems):
    covered = 0.0
    for passing in range(problems + 1):  # one in ten always passes, the others 30 % of the time: exactly, to see it
        counts = [(10, 10)] * passing + [(3, 10)] * (problems - passing)
        covered += binom.pmf(passing, problems, 0.1) * (0.37 in like_these(counts))
    assert covered >= 0.95


def test_the_verdict_is_on_the_rate_that_is_named():
    counts = [(0, 16)] * 3 + [(16, 16)]
    band = Band(0.1, 0.4)
    assert set_verdict(counts, band, "these") is Decision.IN_BAND
    assert set_verdict(counts, band, "like_these") is Decision.UNDECIDED
