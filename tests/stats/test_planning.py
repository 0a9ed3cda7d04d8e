"""Predicted half-widths and the best split of a budget: known formulas, all splits, and that predictions come true."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from evalkit.stats import like_these, these_problems
from evalkit.stats.planning import Split, best_split, predicted_half_width, what_more_buys
from evalkit.stats.spread import Components, components

HARD = Components(0.25, 0.0833, 0.1042, 10, 4)  # Beta(0.2, 0.6)


def test_the_formulas():
    these = predicted_half_width(HARD, 20, 8, "these")
    like = predicted_half_width(HARD, 20, 8, "like_these")
    assert these == pytest.approx(1.959964 * math.sqrt(0.0833 / 160), rel=1e-6)
    assert like == pytest.approx(t.ppf(0.975, 19) * math.sqrt((0.1042 + 0.0833 / 8) / 20), rel=1e-6)


@pytest.mark.parametrize(("about", "meaning"), [("these", these_problems), ("like_these", like_these)])
@pytest.mark.parametrize(("problems", "tries"), [(50, 4), (164, 8)])
def test_predictions_come_true(about, meaning, problems, tries):
    random, widths = np.random.default_rng(2), []
    for _ in range(200):
        passed = random.binomial(tries, random.beta(1, 3, problems))
        widths.append(meaning([(int(one), tries) for one in passed]).width / 2)
    true = Components(0.25, 0.15, 0.0375, problems, tries)
    assert np.mean(widths) == pytest.approx(predicted_half_width(true, problems, tries, about), rel=0.1)


def test_tries_alone_cannot_make_problems_like_these_known():
    assert predicted_half_width(HARD, 10, 10**6, "like_these") > 0.2
    assert predicted_half_width(HARD, 10, 10**6, "these") < 0.001
    assert predicted_half_width(HARD, 1, 10**6, "like_these") == 0.5


def test_what_more_buys_doubles_the_one_or_the_other():
    found = components([(0, 4), (4, 4), (1, 4), (0, 4), (2, 4)])
    now, more_tries, more_problems = what_more_buys(found, "like_these")
    assert (now.problems, now.tries) == (5, 4)
    assert [(plan.problems, plan.tries) for plan in more_tries] == [(5, 8), (5, 16)]
    assert [(plan.problems, plan.tries) for plan in more_problems] == [(10, 4), (20, 4)]
    assert more_problems[0].half_width < more_tries[1].half_width < now.half_width


@given(
    st.integers(1, 60),
    st.integers(1, 4),
    st.floats(0, 5),
    st.none() | st.integers(1, 20),
    st.floats(0, 0.2),
    st.floats(0.01, 0.2),
)
def test_the_best_split_is_the_best_of_all(budget, fewest, cost, most, between, within):
    found = Components(0.3, within, between, 10, 4)
    best = best_split(found, budget, "like_these", most_problems=most, fewest_tries=fewest, problem_cost=cost)
    possible = [
        predicted_half_width(found, problems, tries, "like_these")
        for problems in range(1, (most or budget) + 1)
        for tries in range(fewest, budget + 1)
        if problems * (tries + cost) <= budget
    ]
    assert (best is None) == (not possible)
    if best:
        assert best.half_width == pytest.approx(min(possible))
        assert best.tries >= fewest and best.runs <= budget and best.problems <= (most or budget)


def test_without_a_reason_for_more_tries_each_problem_gets_one():
    assert best_split(HARD, 400, "like_these").tries == 1
    assert best_split(HARD, 400, "like_these", fewest_tries=8) == Split(
        50, 8, predicted_half_width(HARD, 50, 8, "like_these")
    )
    assert best_split(HARD, 400, "like_these", most_problems=50).tries == 8


def test_problems_that_are_dear_get_more_tries():
    few_tries, many_tries = (best_split(HARD, 4000, "like_these", problem_cost=cost).tries for cost in (1, 100))
    assert few_tries == 1 and many_tries == pytest.approx(math.sqrt(100 * 0.0833 / 0.1042), abs=1)  # Cochran, 10.6


def test_these_problems_are_all_tried():
    assert best_split(HARD, 85, "these") == Split(10, 8, predicted_half_width(HARD, 10, 8, "these"))
    assert best_split(HARD, 9, "these") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget": 0},
        {"fewest_tries": 0},
        {"problem_cost": -1.0},
        {"problem_cost": math.inf},
        {"problem_cost": math.nan},
        {"most_problems": 0},
        {"budget": -5},
    ],
)
def test_impossible_budgets_are_refused(wrong):
    with pytest.raises(ValueError):
        best_split(HARD, wrong.pop("budget", 10), "like_these", **wrong)


@pytest.mark.parametrize(("problems", "tries"), [(0, 3), (3, 0), (-1, 2)])
def test_impossible_plans_are_refused(problems, tries):
    with pytest.raises(ValueError, match="measure nothing"):
        predicted_half_width(HARD, problems, tries, "these")
