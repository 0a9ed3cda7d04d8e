"""How sure it is that a chosen value is in the band: exact tests, and never oversold whatever the truth is."""

import random
from bisect import bisect_right
from math import comb

import numpy as np
import pytest

from evalkit.stats.inband import Plan, chance_in_band, fewest_runs, floored, is_above, is_below, runs_to_be_sure
from evalkit.stats.verdict import Band

BAND = Band(0.10, 0.40)
BANDS = (BAND, Band(0.05, 0.10), Band(0.4, 0.6), Band(0.0, 0.4), Band(0.2, 1.0), Band(0.01, 0.99))


def at_least(passed, runs, rate):
    """P(Bin(runs, rate) ≥ passed), term by term."""
    return sum(comb(runs, k) * rate**k * (1 - rate) ** (runs - k) for k in range(passed, runs + 1))


@pytest.mark.parametrize("band", BANDS)
def test_the_chance_is_that_of_the_exact_tests_at_both_ends(band):
    for runs in (1, 7, 40):
        for passed in range(runs + 1):
            ends = [at_least(passed, runs, band.low)] * (band.low > 0)
            ends += [at_least(runs - passed, runs, 1 - band.high)] * (band.high < 1)
            want = max(0.0, 1 - len(ends) * max(ends))
            assert float(chance_in_band(passed, runs, band)) == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("plan", [Plan(), Plan(curves=5), Plan(stopped=True)])
def test_the_fewest_runs_are_the_fewest(band, plan):
    runs = fewest_runs(band, 0.95, plan)
    for fewer in range(1, runs + 1):
        sure = (chance_in_band(np.arange(fewer + 1), fewer, band, plan) >= 0.95).any()
        assert sure == (fewer == runs), fewer


def test_a_band_that_no_number_of_runs_resolves_has_none():
    assert fewest_runs(Band(0.2, 0.201), 0.95) is None
    assert runs_to_be_sure(0.4, BAND, 0.95) is None


def test_runs_that_would_settle_it_do():
    for rate in (0.15, 0.25, 0.35):
        runs = runs_to_be_sure(rate, BAND, 0.95)
        assert chance_in_band(round(rate * runs), runs, BAND) >= 0.95
        assert chance_in_band(round(rate * runs * 0.7), round(runs * 0.7), BAND) < 0.95


def test_no_run_makes_nothing_sure():
    assert chance_in_band(0, 0, BAND) == 0


@pytest.mark.parametrize(
    "truth",
    ["just above at every value", "just below at every value", "a cliff over the band", "a slope", "steps"],
)
@pytest.mark.parametrize("stopped", [False, True])
def test_whatever_the_task_is_a_chance_is_oversold_no_more_often_than_it_says(truth, stopped):
    """The value is chosen as an adversary would: of all that are wrong, the one with the highest chance."""
    dice = random.Random(f"{truth} {stopped}")

    def needed() -> float:
        u = dice.random()
        if truth == "a slope":
            return u
        if truth == "steps":
            return round(u * 12) / 12
        edge = {"just above at every value": 0.401, "just below at every value": 0.0999}.get(truth)
        if edge is not None:
            return 0.0 if u < edge else 2.0
        return 0.0 if u < 0.0999 else 0.5 if u < 0.401 else 2.0

    def rate(value: float) -> float:
        if truth == "a slope":
            return value
        if truth == "steps":
            return min(1.0, (int(value * 12 + 1e-9) + 0.5) / 12)
        edge = {"just above at every value": 0.401, "just below at every value": 0.0999}.get(truth)
        return edge if edge is not None else 0.0999 if value < 0.5 else 0.401

    launches, worst = 400, []
    for _ in range(launches):
        need: list[float] = []
        best = 0.0
        while len(need) < 120:
            need = sorted([*need, *(needed() for _ in range(20 if stopped else 120))])
            wrong = [value for value in {0.0, *need} if value <= 1 and rate(value) not in BAND]
            passed = [bisect_right(need, value) for value in wrong]
            chances = chance_in_band(passed, len(need), BAND, Plan(stopped=stopped))
            best = max(best, float(chances.max(initial=0.0)))
        worst.append(best)
    for level in (0.5, 0.8, 0.9, 0.95):
        oversold = sum(chance >= level for chance in worst)
        noise = 3 * (launches * level * (1 - level)) ** 0.5
        assert oversold <= launches * (1 - level) + noise, (level, oversold)


@pytest.mark.parametrize(("passed", "runs", "known"), [(0, 28, False), (0, 29, True), (0, 0, False), (3, 29, False)])
def test_below_the_band_is_a_test_too(passed, runs, known):
    assert is_below(passed, runs, 0.10, 0.95) == known
    assert is_above(runs - passed, runs, 0.90, 0.95) == known


def test_a_chance_is_never_written_higher_than_it_is():
    assert [floored(chance) for chance in (0.95, 0.95999, 0.9999999, 1.0)] == ["95.0%", "95.9%", "99.9%", "99.9%"]
