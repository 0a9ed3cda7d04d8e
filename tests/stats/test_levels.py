"""How much of the error each side of a decision may use: bounds against exact figures, and what follows from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import coverage
from evalkit.stats import Band, Decision, UntilDecided
from evalkit.stats.evidence import log_evidence_above
from evalkit.stats.levels import EXACT_LOOKS, boundary, first_decisions, full_level_holds, worst_error


@settings(max_examples=20, deadline=None)
@given(st.just(0.0) | st.floats(1e-6, 0.9), st.floats(0.005, 0.5), st.sampled_from([0.1, 0.05, 0.01]))
def test_the_bound_is_never_below_the_exact_error(low, width, error):
    band = Band(low, min(1.0, low + width))
    rates = np.linspace(band.low, band.high, 9)
    exact = coverage.decision_errors(rates, 60, band, 1 - error, full=True)
    assert exact.max() <= worst_error(band, error, 60) + 1e-12


@pytest.mark.parametrize("most", [EXACT_LOOKS, None])
def test_a_band_of_usual_width_lets_each_side_use_all_of_the_error(most):
    assert full_level_holds(Band(0.1, 0.4), 0.95, most)


@pytest.mark.parametrize("band", [Band(5e-324, 0.4), Band(1e-17, 0.5), Band(0.5, 1 - 1e-16), Band(0.0, 1.0)])
def test_bands_that_end_next_to_0_or_1_are_computed_without_a_warning(band):
    until = UntilDecided(band, 0.95, 50)
    assert until.full
    for number in range(1, 31):
        until.add(number, number % 3 == 0)


def test_a_band_too_narrow_for_that_does_not():
    band = Band(0.24, 0.25)
    exact = coverage.decision_errors(np.array([0.25]), 200, band, full=True)
    assert exact.max() > 0.05  # what would happen
    assert not full_level_holds(band, 0.95, 200)
    until = UntilDecided(band, 0.95, 200)
    assert (until.full, until.each_side) == (False, 0.025)


@pytest.mark.parametrize("most", [1, 50, 200])
def test_who_raises_the_number_of_runs_keeps_the_rule(most):
    for band in (Band(0.2, 0.25), Band(0.05, 0.1)):
        assert full_level_holds(band, 0.95, most) == full_level_holds(band, 0.95, EXACT_LOOKS)


def test_each_side_uses_what_it_is_allowed():
    """0.4 is the band's end: as many passes in a row as the evidence needs, and no more."""
    for band, needed in ((Band(0.1, 0.4), -np.log(0.05)), (Band(0.399, 0.4), -np.log(0.025))):
        until, number = UntilDecided(band, 0.95, 200), 0
        while until.decision is Decision.UNDECIDED:
            number += 1
            until.add(number, True)
        assert log_evidence_above(number, number, 0.4) >= needed > log_evidence_above(number - 1, number - 1, 0.4)


@pytest.mark.parametrize("edge", [0.1, 0.4, 0.9])
def test_the_boundary_is_where_the_evidence_suffices(edge):
    found = boundary(edge, 0.05, 40)
    for runs in range(1, 41):
        enough = [k for k in range(runs + 1) if k > runs * edge and log_evidence_above(k, runs, edge) >= -np.log(0.05)]
        assert found[runs] == min(enough, default=runs + 1)


def test_later_looks_are_bounded_by_ville(monkeypatch):
    """What is computed for 300 looks lies below what is computed for 30 and bounded for the rest."""
    band, rates = Band(0.2, 0.4), np.linspace(0.2, 0.4, 5)
    exact = first_decisions(band, 0.05, rates, 300)
    monkeypatch.setattr("evalkit.stats.levels.EXACT_LOOKS", 30)
    bounded = first_decisions(band, 0.05, rates, 300)
    for found, bound in zip(exact, bounded, strict=True):
        assert (found <= bound).all() and (bound <= 0.05 + 1e-12).all()
    assert (bounded[0] > exact[0]).any()
