"""Comparisons: what holds at the bound, what a failure says, and which check makes the grade."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from evalkit import Check, Grade, TaskError, at_least, at_most, between, close, equal
from evalkit.results.runs import RunLine
from evalkit.task.returned_values import checked_grade
from tests.outputs import some_runs

HUGE = 10**400


@pytest.mark.parametrize("bound", [0, 0.0, -2, 3, 0.5])
def test_a_bound_holds_itself_and_one_side_of_it(bound: float) -> None:
    above, below = math.nextafter(bound, math.inf), math.nextafter(bound, -math.inf)
    assert [at_most(value, bound, name="x").passed for value in (below, bound, above)] == [True, True, False]
    assert [at_least(value, bound, name="x").passed for value in (below, bound, above)] == [False, True, True]


def test_numbers_that_no_float_can_hold_are_compared_exactly() -> None:
    assert at_most(HUGE, HUGE, name="x").passed
    assert not at_most(HUGE + 1, HUGE, name="x").passed
    assert close(HUGE, HUGE, name="x").passed
    near, far = (close(HUGE + HUGE // part, HUGE, rtol=0.01, name="x") for part in (101, 99))
    assert (near.passed, far.passed) == (True, False)
    assert at_most(HUGE, 1.0, name="x").value is None
    assert at_least(np.int64(3), np.float64(3), name="x").value == 3.0


@pytest.mark.parametrize("value", [math.nan, None, True, "3", [3], float("nan")])
def test_what_is_no_number_passes_no_comparison(value: object) -> None:
    checks = [at_most(value, 5, name="x"), at_least(value, -5, name="x"), close(value, 1, atol=9, name="x")]
    assert not any(check.passed for check in [*checks, *between(value, 0, 5, name="x"), equal(value, 3, name="x")])
    assert all(check.value is None and "x is " in str(check.message) for check in checks)


@pytest.mark.parametrize("bound", [None, "5", True])
def test_a_bound_that_is_no_number_is_the_authors_mistake(bound: object) -> None:
    for compare in (at_most, at_least, close):
        with pytest.raises(TypeError, match=r"as a bound of 'items': use a number"):
            compare(3, bound, knob="tolerances.items")
    with pytest.raises(TypeError, match="at_most got neither name nor knob"):
        at_most(3, 5)
    with pytest.raises(TypeError, match=r"use two, \(low, high\)"):
        between(3, 1, 5, knobs="tolerances.items")  # type: ignore[arg-type]


def test_a_check_names_its_knob_and_its_direction() -> None:
    check = at_least(3, 6, knob="task.tolerances.items", category="too_few")
    assert (check.name, check.knob, check.direction) == ("items", "tolerances.items", "at_least")
    assert (check.category, check.message) == ("too_few", "items is 3, not at least 6")
    assert at_least(6, 6, knob="tolerances.items", category="too_few").category is None
    low, high = between(7, 0, 5, name="share", knobs=("tolerances.low", "tolerances.high"))
    assert (low.name, low.knob, low.direction, low.passed) == ("share_low", "tolerances.low", "at_least", True)
    assert (high.name, high.knob, high.direction, high.passed) == ("share_high", "tolerances.high", "at_most", False)


def test_close_counts_both_tolerances_and_says_how_far_it_is() -> None:
    assert close(110, 100, rtol=0.05, atol=5, name="x").passed
    far = close(110, 100, rtol=0.05, atol=4.5, knob="tolerances.relative")
    assert (far.passed, far.value, far.bound, far.direction) == (False, 10, 9.5, "at_most")
    assert far.message == "relative is 110, not within 9.5 of 100"
    assert close(-95, -100, rtol=0.05, name="x").passed
    assert not close(math.inf, math.inf, atol=1, name="x").passed


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        ([1, [2]], (1, (2,)), True),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ("1", 1, False),
        (None, None, True),
        ([math.nan], [math.nan], False),
    ],
)
def test_equal_is_equality_of_json(one: object, other: object, same: bool) -> None:
    assert equal(one, other, name="x").passed is same


def test_the_first_required_check_that_failed_makes_the_grade() -> None:
    checks = [
        at_most(9, 1, name="speed", category="slow", required=False),
        at_most(0, 0, name="errors", category="wrong"),
        between(7, 0, 5, name="share", category="unfair", message="too much for one"),
        equal("a", "b", name="title"),
    ]
    grade = Grade.of(checks, "fine")
    assert (grade.passed, grade.category, grade.message) == (False, "unfair", "too much for one")
    assert [check.name for check in grade.checks] == ["speed", "errors", "share_low", "share_high", "title"]
    assert Grade.of(checks[3:]).category == "title"
    passed = Grade.of(checks[:2], "fine", score=0.5)
    assert (passed.passed, passed.category, passed.message, passed.score) == (True, None, "fine", 0.5)


@pytest.mark.parametrize("checks", [[], [at_most(1, 2, name="x", required=False)], [()]])
def test_a_grade_that_nothing_could_fail_is_the_authors_mistake(checks: list[Check]) -> None:
    with pytest.raises(ValueError, match="everything would pass"):
        Grade.of(checks)


def test_what_is_no_check_is_the_authors_mistake() -> None:
    with pytest.raises(TypeError, match=r"Grade\.of got True as a check"):
        Grade.of([True])  # type: ignore[list-item]
    with pytest.raises(TaskError, match="with direction as 'up': use at_most or at_least"):
        checked_grade(Grade(True, "", None, (Check("x", True, direction="up"),)), None)  # type: ignore[arg-type]


def test_a_line_of_a_run_says_of_a_check_only_what_it_has() -> None:
    (run, *_) = some_runs()
    plain, failed = Check("x", True, 1.0, 2.0), at_least(3, 6, knob="tolerances.items", category="too_few")
    line = replace(run, grade=Grade(False, "no", "too_few", (plain, failed))).line
    facts = json.loads(json.dumps(line.to_dict()))
    assert facts["checks"][0] == {"name": "x", "passed": True, "value": 1.0, "bound": 2.0, "required": True}
    known = {"name": "items", "passed": False, "value": 3.0, "bound": 6.0, "required": True}
    known |= {"knob": "tolerances.items", "direction": "at_least"}
    assert facts["checks"][1] == known | {"category": "too_few", "message": "items is 3, not at least 6"}
    assert RunLine.of_dict(facts).checks == (plain, failed)
