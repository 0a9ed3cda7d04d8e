"""Where the next tries of a set go: to problems that are not decided, while they are worth their price."""

import numpy as np
import pytest

from benchmarks import selection as simulated
from evalkit.stats import Band
from evalkit.stats.selection import expected
from evalkit.stats.selection_policy import CAPS, STEP, lattice_of, next_tries, spared

BAND = Band(0.10, 0.40)
RULES = ("expected", "anytime", "signal")
COUNTS = [(min(8 * number // 10, 48), 48) for number in range(100)]
"""Many never solved to many always solved, all between about as often."""


@pytest.mark.parametrize("rule", RULES)
def test_a_problem_without_tries_gets_some(rule):
    assert next_tries([(0, 0)] * 5, BAND, rule=rule, count=2) == [STEP] * 5
    assert next_tries([(0, 0)] * 5, BAND, rule=rule, count=2, step=3) == [3] * 5


@pytest.mark.parametrize("rule", RULES)
def test_problems_that_are_never_and_always_solved_are_left(rule):
    more = next_tries(COUNTS, BAND, rule=rule, count=30, cap=128)
    assert {tries for tries, (passed, _) in zip(more, COUNTS, strict=True) if passed in (0, 48)} == {0}
    assert sum(more) > 0


def test_problems_near_an_end_of_the_band_go_on_and_those_well_inside_do_not():
    more = {passed: tries for tries, (passed, _) in zip(next_tries(COUNTS, BAND), COUNTS, strict=True)}
    assert (more[0], more[12], more[32], more[48]) == (0, 0, 0, 0)
    assert more[4] == more[20] == STEP


@pytest.mark.parametrize("rule", RULES)
def test_no_problem_goes_beyond_the_cap(rule):
    more = next_tries([(3, 9), (4, 12), (0, 0), (30, 90)], BAND, rule=rule, count=2, cap=12)
    assert more[0] <= 3 and more[1] == 0 and more[2] == STEP and more[3] == 0


@pytest.mark.parametrize("rule", RULES)
def test_sampling_ends(rule):
    rng, passes, tries = np.random.default_rng(1), np.zeros(30, dtype=int), np.zeros(30, dtype=int)
    rates = rng.beta(0.5, 1.5, 30)
    for _ in range(CAPS[rule]):
        more = np.array(next_tries(_counts(passes, tries), BAND, rule=rule, count=10, step=8))
        if not more.any():
            break
        passes, tries = passes + rng.binomial(more, rates), tries + more
    assert not more.any() and tries.max() <= CAPS[rule]
    made, uniform = spared(_counts(passes, tries))
    assert made == tries.sum() < uniform == 30 * tries.max()


def test_the_simulation_of_many_sets_decides_as_the_product_does():
    """`benchmarks.selection.adaptive` computes many sets at once; every set must have ended, by `next_tries` too."""
    found = simulated.adaptive("Beta(0.5, 1.5)", 3, 50, np.random.default_rng(6))
    for number in range(3):
        assert sum(next_tries(found.counts(number), BAND)) == 0


def test_adaptive_tries_find_more_than_as_many_uniform_ones():
    rng = np.random.default_rng(7)
    found = simulated.adaptive("Beta(0.2, 0.6)", 10, 200, rng)
    tries = round(found.tries.mean())
    uniform = simulated.tried("Beta(0.2, 0.6)", 10, 200, tries, rng)
    assert found.score(simulated.expected(found))[2] > 1.5 * uniform.score(simulated.expected(uniform))[2]


def test_a_wide_band_is_decided_with_fewer_tries():
    assert 0 < sum(next_tries(COUNTS, Band(0.02, 0.98))) < sum(next_tries(COUNTS, Band(0.3, 0.7)))
    assert sum(expected(COUNTS, Band(0.02, 0.98)).chosen) > sum(expected(COUNTS, Band(0.3, 0.7)).chosen) > 0


def test_the_lattice_finds_its_cells():
    lattice = lattice_of(BAND, 12)
    cells = [(passed, tries) for tries in range(13) for passed in range(tries + 1)]
    assert [lattice.at(*cell) for cell in cells] == list(range(len(cells))) and len(lattice.likelihood) == len(cells)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"rule": "best"}, "unknown rule 'best'"),
        ({"step": 0}, "out of range"),
        ({"cap": 0}, "out of range"),
        ({"cap": 1000}, "out of range"),
        ({"rule": "signal"}, "None of 1 problems"),
    ],
)
def test_settings_out_of_range_are_refused(settings, problem):
    with pytest.raises(ValueError, match=problem):
        next_tries([(1, 4)], BAND, **settings)


def _counts(passes, tries):
    return list(zip(passes.tolist(), tries.tolist(), strict=True))
