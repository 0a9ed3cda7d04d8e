"""The fitted spread of rates over a set: its grid, its posterior against one that is computed otherwise, its input."""

import numpy as np
import pytest
from scipy.special import betainc
from scipy.stats import beta

from evalkit.stats import Band
from evalkit.stats.selection_spread import checked, grid, posterior

BAND = Band(0.10, 0.40)


@pytest.mark.parametrize("band", [BAND, Band(0.05, 0.75), Band(0.0, 0.3), Band(0.6, 1.0), Band(0.0, 1.0)])
@pytest.mark.parametrize("tries", [0, 8, 128, 5000])
def test_the_grid_holds_both_ends_and_knows_the_band(band, tries):
    points = grid(band, tries)
    assert (points.rates[0], points.rates[-1]) == (0.0, 1.0) and (np.diff(points.rates) > 0).all()
    assert [rate in band for rate in points.rates] == points.in_band.tolist()
    assert points.bumps.sum(1) == pytest.approx(1.0) and points.prior.sum() == pytest.approx(1.0)
    assert np.abs(np.diff(np.arcsin(np.sqrt(points.rates)))).max() <= 0.03


def test_more_tries_are_told_apart_on_a_finer_grid():
    assert len(grid(BAND, 8).rates) < len(grid(BAND, 1000).rates) <= len(grid(BAND, 10**6).rates) < 500


def test_the_posterior_is_that_of_the_true_spread_where_the_set_is_large():
    """4,000 problems of Beta(1, 3) with 16 tries: conjugate posteriors, which know the spread, say the same."""
    rng = np.random.default_rng(1)
    passes = rng.binomial(16, rng.beta(1, 3, 4000))
    fitted = posterior([(int(passed), 16) for passed in passes], BAND)
    inside, rate = fitted.in_band().mean(0), fitted.means(lambda rates: rates).mean(0)
    for passed, said, mean, problems in zip(fitted.passes, inside, rate, fitted.problems, strict=True):
        if problems >= 100:
            a, b = 1 + passed, 3 + 16 - passed
            assert said == pytest.approx(betainc(a, b, 0.4) - betainc(a, b, 0.1), abs=0.08)
            assert mean == pytest.approx(beta(a, b).mean(), abs=0.02)


def test_problems_in_another_order_get_the_same_numbers():
    counts = [(passed, tries) for tries in (4, 8, 12) for passed in range(tries)]
    one, other = posterior(counts, BAND), posterior(counts[::-1], BAND)
    assert (one.in_band() == other.in_band()).all()
    assert (one.cell == other.cell[::-1]).all()


def test_a_problem_without_tries_is_described_by_the_others():
    fitted = posterior([(2, 8)] * 200 + [(0, 0)], BAND)
    assert fitted.in_band().mean(0)[fitted.cell[-1]] > 0.9


@pytest.mark.parametrize("counts", [[(3, 2)], [(1, 4), (-1, 4)], []])
def test_what_is_no_count_is_refused(counts):
    with pytest.raises(ValueError):
        checked(counts)
