"""Intervals for many cells at once, whole curves and crossings: what they contain, and seeded coverage."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import coverage
from evalkit.stats import crossing, curve_margin, exact, simultaneous, wilson
from evalkit.stats.intervals import normal_quantile


def nested(runs, cells, seed=0):
    """Passes under a knob that opens: each rollout passes from some cell on."""
    needed = np.random.default_rng(seed).random(runs)
    return needed[:, None] <= np.linspace(0.02, 0.98, cells)


def test_one_cell_is_an_exact_interval():
    passed = np.array([[True]] * 3 + [[False]] * 7)
    found = simultaneous(passed).interval(0)
    assert (found.low, found.high) == pytest.approx((exact(3, 10).low, exact(3, 10).high), abs=1e-9)


def test_equal_cells_cost_no_width():
    column = nested(100, 5)[:, 2:3]
    many = simultaneous(np.repeat(column, 30, axis=1))
    assert many.z == pytest.approx(normal_quantile(0.95), abs=0.1)


def test_shared_rollouts_need_less_than_the_union_bound_and_more_than_one_cell():
    found = simultaneous(nested(200, 40))
    assert normal_quantile(0.95) < found.z < normal_quantile(1 - 0.05 / 40)
    assert found.method == "shared rollouts"


@settings(max_examples=20)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 1000))
def test_every_interval_holds_the_observed_rate_and_the_pointwise_exact_interval(runs, cells, seed):
    passed = np.random.default_rng(seed).random((runs, cells)) < 0.3
    found = simultaneous(passed)
    for cell, count in enumerate(passed.sum(axis=0)):
        point, whole = exact(int(count), runs), found.interval(cell)
        assert whole.low <= point.low + 1e-12 and point.high <= whole.high + 1e-12
        assert wilson(int(count), runs).low >= whole.low - 1e-12 or count == runs


def test_the_same_rollouts_give_the_same_intervals():
    one, two = simultaneous(nested(50, 9)), simultaneous(nested(50, 9))
    assert np.array_equal(one.low, two.low) and np.array_equal(one.high, two.high) and one.z == two.z


def test_very_many_cells_get_the_union_bound():
    found = simultaneous(np.zeros((5, 20_001), dtype=bool))
    assert found.method == "union bound"
    assert found.z == pytest.approx(normal_quantile(1 - 0.05 / 20_001))


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_no_runs_or_cells_tell_nothing(shape):
    found = simultaneous(np.zeros(shape, dtype=bool))
    assert found.low.tolist() == [0.0] * shape[1] and found.high.tolist() == [1.0] * shape[1]


@pytest.mark.parametrize("runs", [15, 60])
def test_all_cells_of_simulated_landscapes_are_covered_together(runs):
    repeats = 120
    hit, width = coverage.landscape_coverage(runs, 5, repeats, np.random.default_rng(2))["simultaneous"]
    assert hit >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / repeats)
    assert width < 0.5


def test_a_whole_curve_is_covered():
    runs, repeats, margin = 80, 400, curve_margin(80)
    rng = np.random.default_rng(5)
    steps = np.arange(runs + 1) / runs
    hits = 0
    for _ in range(repeats):
        ordered = np.sort(rng.random(runs))
        off = max(np.abs(steps[1:] - ordered).max(), np.abs(steps[:-1] - ordered).max())
        hits += off <= margin
    assert hits / repeats >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / repeats)


def test_curve_margin_is_massarts():
    assert curve_margin(100) == pytest.approx(0.1358, abs=1e-4)
    assert curve_margin(0) == curve_margin(1) == 1.0


def test_a_crossing_is_found_among_the_observed_values():
    found = crossing([float(value) for value in range(1, 101)], 0.4)
    assert found.value == 40
    assert (found.low, found.high) == (31, 51)


def test_a_share_that_is_never_reached_has_no_crossing():
    found = crossing([1000.0] + [math.inf] * 19, 0.4)
    assert found.value == math.inf and found.high == math.inf and found.low == math.inf


def test_few_runs_leave_the_ends_open():
    found = crossing([1000.0, 2000.0], 0.4)
    assert (found.low, found.value, found.high) == (-math.inf, 1000.0, math.inf)
    assert crossing([], 0.4).high == math.inf


@pytest.mark.parametrize(("runs", "share"), [(30, 0.1), (60, 0.4)])
def test_crossings_are_covered(runs, share):
    assert coverage.crossing_coverage(runs, share, 400, np.random.default_rng(3)) >= 0.93


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_impossible_shares_are_refused(share):
    with pytest.raises(ValueError, match="share"):
        crossing([1.0], share)
