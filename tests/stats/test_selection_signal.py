"""The interval of the signal that chosen problems will give: known rates, few tries, and a spread that is unknown."""

import numpy as np
import pytest

from evalkit.stats import Band
from evalkit.stats.selection_signal import interval, mixed_moments, signal_of
from evalkit.stats.selection_spread import posterior

BAND = Band(0.10, 0.40)


def of_set(rates, tries, group=8):
    """Fit a set of problems with these rates, all of which are members; the interval and the truth."""
    passes = np.random.default_rng(1).binomial(tries, rates)
    fitted = posterior([(int(passed), tries) for passed in passes], BAND)
    return interval(fitted, fitted.problems, group), float(signal_of(np.asarray(rates), group).mean())


@pytest.mark.parametrize("rate", [0.05, 0.25, 0.9])
def test_many_tries_leave_little_doubt(rate):
    found, true = of_set(np.full(20, rate), 2000)
    assert true in found and found.width < 0.1


def test_more_tries_and_more_problems_narrow_it():
    rates = np.random.default_rng(2).beta(1, 3, 400)
    narrow, broad, fewer = of_set(rates, 64)[0], of_set(rates, 8)[0], of_set(rates[:40], 64)[0]
    assert narrow.width < broad.width and narrow.width < fewer.width


def test_what_eight_tries_cannot_tell_of_the_spread_widens_it_beyond_the_posterior():
    rates = np.repeat([0.05, 0.30], 500)
    passes = np.random.default_rng(3).binomial(8, rates)
    fitted = posterior([(int(passed), 8) for passed in passes], BAND)
    lucky = np.where(fitted.passes >= 2, fitted.problems, 0)
    drawn = np.quantile(mixed_moments(fitted, 8) @ lucky / lucky.sum(), [0.025, 0.975])
    found = interval(fitted, lucky, 8)
    assert found.low < drawn[0] and drawn[1] < found.high and found.width > 1.3 * (drawn[1] - drawn[0])
    assert signal_of(rates[passes >= 2], 8).mean() in found


def test_problems_that_always_or_never_pass_give_none():
    found, true = of_set(np.repeat([0.0, 1.0], 50), 200)
    assert true == 0 and found.low <= 1e-6 and found.high < 0.05


def test_the_signal_is_the_chance_that_a_group_is_mixed():
    assert signal_of(np.array([0.0, 0.5, 1.0]), 2).tolist() == [0.0, 0.5, 0.0]
    assert float(signal_of(np.array([0.25]), 3)[0]) == pytest.approx(1 - 0.25**3 - 0.75**3)
