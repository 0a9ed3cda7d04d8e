"""What to set a knob to: the range, its uncertainty, and honesty where there is none."""

import math
import random
import re

import pytest

from evalkit.landscape.curves import Curve, Step
from evalkit.landscape.recommend import Grounds, Outlook, recommend
from evalkit.landscape.round_numbers import inward, number, roundest
from evalkit.stats.inband import Plan, chance_in_band
from evalkit.stats.verdict import Band

BAND = Band(0.10, 0.40)
GROUNDS = Grounds(BAND)


def curve(needed, *, knob="limits.max_tokens", end=4000.0, whole=True) -> Curve:
    """Along `knob`, when each run needs so much of it."""
    start = 1.0 if whole else 5e-324
    needed = sorted(need if need <= end else math.inf for need in needed)
    values = sorted({start, *(need for need in needed if need < math.inf)})
    steps = tuple(Step(value, sum(need <= value for need in needed), len(needed)) for value in values)
    return Curve(knob, {}, steps, tuple(needed), end, whole)


def test_the_range_is_where_the_observed_rate_is_in_the_band():
    found = recommend(curve(range(100, 10_100, 100)), GROUNDS)  # the n-th percent passes from 100·n tokens on
    assert (found.finding, found.low, found.high) == (Outlook.OPEN, 1000, None)
    found = recommend(curve(range(50, 5_050, 50)), GROUNDS)
    assert (found.finding, found.low, found.high) == (Outlook.RANGE, 500, 2049)
    assert found.enters.low < 500 < found.enters.high < found.certain.high
    assert found.leaves.low < 2000 < found.leaves.high
    assert 500 < found.certain.low < found.certain.high < 2000
    assert found.passed / found.runs == pytest.approx(0.25, abs=0.04)


def test_the_sentence_can_be_followed():
    found = recommend(curve(range(50, 5_050, 50)), GROUNDS)
    assert found.sentence == (
        "set `limits.max_tokens` to 1,200: the rate there is 24.0% (16.7-33.2%), in the band (10-40%) with a chance of "
        "at least 99.8%; so is every value between 850 and 1,549, with a chance of at least 95%"
    )


def test_simulated_agents_are_called_so_where_something_is_recommended():
    found = recommend(curve(range(50, 5_050, 50)), Grounds(BAND, simulated=True))
    assert found.sentence.startswith(
        "set `limits.max_tokens` to 1,200 for the simulated model (which measures no LLM): "
    )


def test_too_few_runs_recommend_nothing_and_the_fewest_that_could_are_named():
    found = recommend(curve([166, 177, 300]), Grounds(Band(0.3, 0.6)))
    assert not found.possible
    assert (found.certain, found.value, found.candidate) == (None, None, 170)
    assert found.sentence == (
        "3 runs cannot say what to set `limits.max_tokens` to: the observed rate is in the band (30-60%) between 166 "
        "and 176, but it takes at least 47 runs to be 95% sure that the true rate is"
    )
    words = recommend(curve(range(50, 2_050, 50)), Grounds(BAND, plan=Plan(curves=4))).sentence
    assert "40 runs cannot say" in words
    assert "at least 53 runs" in words


@pytest.mark.parametrize("runs", [36, 35])
def test_the_fewest_runs_that_are_named_can_carry_a_recommendation(runs):
    found = recommend(curve(range(100, 100 * runs + 100, 100)), GROUNDS)
    assert found.possible == (runs == 36)


def test_enough_runs_that_leave_it_open_say_how_many_would_settle_it():
    found = recommend(curve([500] * 20 + [9000] * 34), GROUNDS)
    assert not found.possible
    assert found.sentence == (
        "54 runs cannot say what to set `limits.max_tokens` to: the observed rate is in the band (10-40%) from 500 up "
        "to 4,000, the largest that was sampled, but at no value is it 95% sure that the true rate is; nearest to that "
        "comes 700 with 37.0% (25.4-50.4%), for which about 1,100 runs would settle it if the rate stays the same"
    )


def test_every_value_that_is_called_certain_passes_the_test_and_the_recommended_one_is_among_them():
    dice = random.Random(3)
    given = 0
    for _ in range(200):
        needed = [dice.choice([50, 120, 200, 900, 3000]) + dice.randrange(40) for _ in range(dice.randrange(20, 120))]
        found = recommend(curve(needed), GROUNDS)
        assert found.possible == (found.certain is not None)
        if found.certain is None:
            continue
        given += 1
        assert found.certain.low <= found.value <= found.certain.high
        for value in (found.certain.low, found.value, found.certain.high):
            passed = sum(need <= value for need in needed)
            assert chance_in_band(passed, len(needed), BAND) >= 0.95
    assert given > 50


@pytest.mark.parametrize(
    ("needed", "knob", "finding", "words"),
    [
        ([9000] * 30, "limits.max_tokens", Outlook.TOO_HARD, r"no `.*` up to 4,000, the largest sampled, reaches"),
        (
            [math.inf] * 30,
            "task.tolerances.x",
            Outlook.TOO_HARD,
            r"however loose reaches.*there is 0.0% \(0.0-11.4%\) in 30 runs$",
        ),
        ([5e-324] * 20, "task.tolerances.x", Outlook.TOO_EASY, r"smallest .* too easy .* 100.0% \(83.9-100.0%\)"),
        ([3] * 36, "limits.max_steps", Outlook.JUMP, r"jumps from 0.0% to 100.0% .* at 3$"),
    ],
)
@pytest.mark.parametrize("few", [False, True])
def test_where_no_value_leads_into_the_band_the_sentence_says_why_and_whether_that_is_known(
    needed, knob, finding, words, few
):
    limit = knob.startswith("limits.")
    runs = needed[:2] if few else needed
    found = recommend(curve(runs, knob=knob, end=4000.0 if limit else 1e308, whole=limit), GROUNDS)
    assert found.finding is finding
    assert not found.possible
    assert few or re.search(words, found.sentence), found.sentence
    assert found.sentence.endswith("; that is too few to be 95% sure") == few


def test_a_knob_that_changes_nothing_is_said_to_change_nothing():
    found = recommend(curve([5e-324] * 5 + [math.inf] * 15, knob="task.tolerances.x", end=1e308, whole=False), GROUNDS)
    assert found.finding is Outlook.FLAT
    assert found.sentence == (
        "`task.tolerances.x` made no difference: the rate is 25.0% (11.2-46.9%) in 20 runs whatever it is"
    )


def test_a_value_that_is_as_good_as_any_stays():
    needed = range(50, 5_050, 50)
    assert recommend(curve(needed), GROUNDS, current=1234).value == 1234
    assert recommend(curve(needed), GROUNDS, current=2000).value == 1200
    assert recommend(curve([*range(500, 1500, 50), *[9000] * 60]), GROUNDS, current=3333).value == 3333


def test_beyond_what_was_sampled_nothing_is_claimed():
    found = recommend(curve([*range(1000, 4000, 100), *[9000] * 70]), GROUNDS)
    assert found.finding is Outlook.OPEN
    assert found.high is None
    assert found.certain.high == 4000
    assert "so is every value from 2,600 up to 4,000, the largest that was sampled, with a chance" in found.sentence


def test_no_graded_run_gives_no_recommendation():
    found = recommend(Curve("limits.max_tokens", {}, (Step(1, 0, 0),), (), 10.0, True), GROUNDS)
    assert not found.possible
    assert "no run was graded" in found.sentence


def test_a_band_from_nothing_or_up_to_everything_has_one_edge():
    needed = range(50, 5_050, 50)
    assert recommend(curve(needed), Grounds(Band(0.0, 0.4))).low == 1
    up = recommend(curve(needed, end=6000.0), Grounds(Band(0.2, 1.0)))
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
        found = recommend(curve([math.ceil(need) for need in needed], end=1e9), GROUNDS)
        true_rate = 1 - math.exp(-found.value / 5000)
        covered += found.interval.low <= true_rate <= found.interval.high
        entered += found.enters.low <= -5000 * math.log(0.9) <= found.enters.high + 1
    assert covered >= 0.93 * launches
    assert entered >= 0.94 * launches
