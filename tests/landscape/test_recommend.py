"""What to set a knob to: the range, its uncertainty, and honesty where there is none."""

import math
import random
import re

import pytest

from evalkit.landscape.curves import Curve, Step
from evalkit.landscape.recommend import Finding, inward, number, recommend, roundest
from evalkit.stats.verdict import Band

BAND = Band(0.10, 0.40)


def curve(needed, *, knob="limits.max_tokens", end=4000.0, whole=True) -> Curve:
    """Along `knob`, when each run needs so much of it."""
    start = 1.0 if whole else 5e-324
    needed = sorted(need if need <= end else math.inf for need in needed)
    values = sorted({start, *(need for need in needed if need < math.inf)})
    steps = tuple(Step(value, sum(need <= value for need in needed), len(needed)) for value in values)
    return Curve(knob, {}, steps, tuple(needed), end, whole)


def test_the_range_is_where_the_observed_rate_is_in_the_band():
    found = recommend(curve(range(100, 10_100, 100)), BAND, 0.95)  # the n-th percent passes from 100·n tokens on
    assert (found.finding, found.low, found.high) == (Finding.OPEN, 1000, None)
    found = recommend(curve(range(50, 5_050, 50)), BAND, 0.95)
    assert (found.finding, found.low, found.high) == (Finding.RANGE, 500, 2049)
    assert found.enters.low < 500 < found.enters.high < found.certain.high
    assert found.leaves.low < 2000 < found.leaves.high
    assert 500 < found.certain.low < found.certain.high < 2000
    assert found.passed / found.runs == pytest.approx(0.25, abs=0.04)


def test_the_sentence_can_be_followed():
    found = recommend(curve(range(50, 5_050, 50)), BAND, 0.95)
    assert found.sentence == (
        "set `limits.max_tokens` between 500 and 2,049 (95%: enters the band at 250–850, leaves it at 1,550–2,550); "
        "at 1,200 the rate is 24.0% (16.7-33.2%)"
    )


def test_with_few_runs_nothing_is_certain():
    found = recommend(curve([500, 1000, 1500, 2000, 2500, 3000]), BAND, 0.95)
    assert found.possible
    assert found.certain is None


@pytest.mark.parametrize(
    ("needed", "knob", "finding", "words"),
    [
        ([9000] * 20, "limits.max_tokens", Finding.TOO_HARD, r"no `.*` up to 4,000 reaches the band.*nothing larger"),
        (
            [math.inf] * 20,
            "task.tolerances.x",
            Finding.TOO_HARD,
            r"however loose.*stays at 0.0% \(0.0-16.1%\)",
        ),
        ([5e-324] * 20, "task.tolerances.x", Finding.TOO_EASY, r"even the smallest gives 100.0% \(83.9-100.0%\)"),
        ([3] * 20, "limits.max_steps", Finding.JUMP, r"jumps from 0.0% to 100.0% .* at 3$"),
    ],
)
def test_where_no_value_leads_into_the_band_the_sentence_says_why(needed, knob, finding, words):
    limit = knob.startswith("limits.")
    found = recommend(curve(needed, knob=knob, end=4000.0 if limit else 1e308, whole=limit), BAND, 0.95)
    assert found.finding is finding
    assert not found.possible
    assert re.search(words, found.sentence), found.sentence


def test_a_knob_that_changes_nothing_is_said_to_change_nothing():
    found = recommend(
        curve([5e-324] * 5 + [math.inf] * 15, knob="task.tolerances.x", end=1e308, whole=False), BAND, 0.95
    )
    assert found.finding is Finding.FLAT
    assert found.sentence == "`task.tolerances.x` makes no difference: the rate is 25.0% (11.2-46.9%) whatever it is"


def test_a_value_that_is_as_good_as_any_stays():
    needed = range(50, 5_050, 50)
    assert recommend(curve(needed), BAND, 0.95, current=1234).value == 1234
    assert recommend(curve(needed), BAND, 0.95, current=2000).value == 1200
    assert recommend(curve([*range(500, 1500, 50), *[9000] * 60]), BAND, 0.95, current=3333).value == 3333


def test_beyond_what_was_sampled_nothing_is_claimed():
    found = recommend(curve([*range(1000, 4000, 500), *[9000] * 20]), BAND, 0.95)
    assert found.finding is Finding.OPEN
    assert found.high is None
    assert "from 2,000 up, as far as was sampled (4,000)" in found.sentence


def test_no_graded_run_gives_no_recommendation():
    found = recommend(Curve("limits.max_tokens", {}, (Step(1, 0, 0),), (), 10.0, True), BAND, 0.95)
    assert not found.possible
    assert "no run was graded" in found.sentence


def test_a_band_from_nothing_or_up_to_everything_has_one_edge():
    needed = range(50, 5_050, 50)
    assert recommend(curve(needed), Band(0.0, 0.4), 0.95).low == 1
    up = recommend(curve(needed, end=6000.0), Band(0.2, 1.0), 0.95)
    assert (up.low, up.high) == (1000, None)


@pytest.mark.parametrize(
    ("low", "high", "whole", "want"),
    [
        (2310, 3050, True, 3000),
        (2310, 2390, True, 2350),
        (7, 7, True, 7),
        (0.0123, 0.0178, False, 0.015),
        (3, 4, True, 3),
    ],
)
def test_the_value_to_take_is_the_roundest(low, high, whole, want):
    assert roundest(low, high, whole) == pytest.approx(want)


def test_a_printed_range_lies_inside_the_true_one():
    dice = random.Random(0)
    for _ in range(300):
        low = math.exp(dice.uniform(-12, 3))
        high = low * (1 + math.exp(dice.uniform(-18, 2)))
        small, large = (float(text.replace(",", "")) for text in inward(low, high))
        assert low <= small <= large <= high


@pytest.mark.parametrize(
    ("value", "text"), [(2310.0, "2,310"), (0.031251, "0.0313"), (math.inf, "no limit"), (1e-7 / 3, "3.33e-08")]
)
def test_numbers_are_written_for_people(value, text):
    assert number(value) == text


def test_the_interval_of_the_rate_at_the_chosen_value_covers_although_the_value_was_chosen_from_the_same_runs():
    dice = random.Random(4)
    covered = entered = 0
    launches = 400
    for _ in range(launches):
        needed = [dice.expovariate(1 / 5000) for _ in range(80)]
        found = recommend(curve([math.ceil(need) for need in needed], end=1e9), BAND, 0.95)
        true_rate = 1 - math.exp(-found.value / 5000)
        covered += found.interval.low <= true_rate <= found.interval.high
        entered += found.enters.low <= -5000 * math.log(0.9) <= found.enters.high + 1
    assert covered >= 0.93 * launches
    assert entered >= 0.94 * launches
