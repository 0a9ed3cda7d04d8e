"""The fast landscape is the slow one: clip every rollout and grade it, cell by cell."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.grading.procedure import without_submission
from evalkit.landscape.compute import Axis, count
from evalkit.landscape.thresholds import (
    LARGEST,
    SMALLEST,
    KnobGrader,
    NotMonotoneError,
    Path,
    Reach,
    Trial,
    breakpoints,
    critical,
    passing_boxes,
)
from evalkit.results.runs import Run
from evalkit.rollout.limits import Limits, clip
from evalkit.rollout.record import Ending, Rollout
from evalkit.task.grade import Fault, Grade, Measurement, within
from tests.builders import rollout, text, turn


@dataclass(frozen=True)
class TwoErrors:
    """Judges `{"a": …, "b": …}`: both errors within bounds, or one of them far within. Stops at the first fault."""

    rule: str = "both"

    def __call__(self, values, measurement):
        if measurement.fault:
            return Grade.failed(measurement.fault)
        first, second = (
            within(name, measurement.values[name], bound) for name, bound in zip("ab", values, strict=True)
        )
        if self.rule == "both" and not first.passed:
            return Grade(False, "", "wrong", (first,))
        close = measurement.values["a"] < 3 * values[0] and measurement.values["b"] <= values[1] / 2
        fine = (first.passed and second.passed) if self.rule == "both" else (first.passed or close)
        return Grade(fine, "", None if fine else "wrong", (first, second))


SIZES = st.integers(0, 6)  # small numbers, so that ties with the limits are the rule
ERRORS = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 7.0])


@st.composite
def runs(draw, number=1) -> Run:
    """A run under limits that dominate the grid: submitted, failed without submission, unknown, or an error."""
    kind = draw(st.sampled_from(["submitted", "more", "refused", "fault", "gave_up", "error", "grader_error"]))
    turns = [turn(draw(SIZES), asked=draw(st.integers(6, 9))) for _ in range(draw(st.integers(0, 3)))]
    if kind == "refused":
        ended = replace(rollout(*turns, ending=Ending.CONTEXT_LIMIT, run=number), unfit=draw(st.integers(1, 9)))
        ended = clip(ended, Limits(max_tokens=draw(st.integers(12, 30)), max_steps=4, max_tokens_per_turn=6))
        return graded_without_submission(ended)
    if kind in ("error", "gave_up"):
        ended: Rollout = rollout(*turns, ending=Ending.ERROR if kind == "error" else Ending.GAVE_UP, run=number)
        return Run(number, ended, None if kind == "error" else without_submission(ended, None, None))
    last = turn(draw(SIZES), answer="x")
    if kind == "more":
        last = replace(last, response={**last.response, "content": [*last.content, text("so")]})
    whole = rollout(*turns, last, run=number)
    if kind == "grader_error":
        return Run(number, whole, None, error="the grader raised")
    measured = (
        Measurement(fault=Fault("format_error", "no"))
        if kind == "fault"
        else Measurement({"a": draw(ERRORS), "b": draw(ERRORS)})
    )
    return Run(number, whole, Grade(True, ""), measured)


def graded_without_submission(ended: Rollout) -> Run:
    grade = None if ended.ending in (Ending.ERROR, Ending.UNKNOWN) else without_submission(ended, None, None)
    return Run(ended.run, ended, grade)


def slowly(several, axes, grader):
    """Every cell for itself: clip, grader, count."""
    passed = np.zeros([len(axis.values) for axis in axes], int)
    graded, unknown = passed.copy(), passed.copy()
    for place in np.ndindex(passed.shape):
        at = {axis.knob: axis.values[n] for axis, n in zip(axes, place, strict=True)}
        budgets = {
            k.removeprefix("limits."): None if v == math.inf else int(v) for k, v in at.items() if "limits." in k
        }
        values = [value for knob, value in at.items() if not knob.startswith("limits.")]
        for run in several:
            clipped = clip(run.rollout, Limits(**budgets))
            if clipped.submission is None:
                graded[place] += clipped.ending is not Ending.ERROR
                unknown[place] += clipped.ending is Ending.UNKNOWN
                continue
            if run.grade is None:
                continue
            graded[place] += 1
            passed[place] += grader(values, run.measurement).passed
    return passed, graded, unknown


@settings(max_examples=200, deadline=None)
@given(st.lists(runs(), min_size=1, max_size=8), st.sampled_from(["both", "either"]))
def test_counts_are_those_of_clipping_and_judging_every_cell(several, rule):
    axes = [
        Axis("limits.max_tokens", (1, 2, 3, 5, 6, 7, 8, 12, math.inf)),
        Axis("task.tolerances.a", (0.25, 0.5, math.nextafter(0.5, 1), 1.0, 2.0, 3.0)),
        Axis("limits.max_steps", (1, 2, 3, 4)),
        Axis("task.tolerances.b", (0.5, 1.0, 1.5, 4.0)),
        Axis("limits.max_tokens_per_turn", (1, 3, 6)),
    ]
    grader = TwoErrors(rule)
    counts = count([Trial.of(run) for run in several], axes, grader)
    passed, graded, unknown = slowly(several, axes, grader)
    np.testing.assert_array_equal(counts.passed, passed)
    np.testing.assert_array_equal(counts.graded, graded)
    np.testing.assert_array_equal(counts.unknown, unknown)


def test_a_submission_exactly_at_the_limit_counts_and_an_error_exactly_at_the_tolerance_does_not():
    run = Run(1, rollout(turn(100), turn(50, answer="x")), Grade(True, ""), Measurement({"a": 0.5, "b": 0.5}))
    axes = [Axis("limits.max_tokens", (149, 150, 151)), Axis("task.tolerances.a", (0.5, math.nextafter(0.5, 1)))]
    counts = count([Trial.of(run)], axes, lambda values, m: TwoErrors()((*values, 1.0), m))
    assert counts.passed.tolist() == [[0, 0], [0, 1], [0, 1]]


def test_a_response_longer_than_it_was_allowed_to_be_reaches_nowhere():
    path = Path(rollout(turn(100, asked=90), turn(5, answer=1)))
    assert path.walk() == Reach(math.inf, math.inf, math.inf)
    assert not path.unknown and not path.errors


def test_where_tokens_were_not_counted_a_run_is_unknown_below_what_it_was_allowed():
    run = Run(1, rollout(turn(100), turn(0, asked=50, answer="x")), Grade(True, ""), Measurement({"a": 0.0}))
    axes = [Axis("limits.max_tokens", (99, 100, 101, 149, 150, math.inf))]
    counts = count([Trial.of(run)], axes, lambda values, m: Grade(True, ""))
    assert counts.graded.tolist() == [1] * 6
    assert counts.unknown.tolist() == [0, 0, 1, 1, 0, 0]
    assert counts.passed.tolist() == [0, 0, 0, 0, 1, 1]


def test_the_arithmetic_task_is_judged_under_any_tolerance():
    node = {"name": "arithmetic", "expression": "1+1", "tolerances": {"answer": 0.5}}
    grader = KnobGrader(node, ["task.tolerances.answer"])
    measurement = Measurement({"got": 2.25, "expected": 2.0, "error": 0.25})
    assert [grader([value], measurement).passed for value in (0.25, 0.26)] == [False, True]
    assert grader.values() == (0.5,)
    assert grader.domain(0) == (SMALLEST, LARGEST)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("at", [SMALLEST, 1e-9, 0.1, 1.0, 3.7, 1e30])
@pytest.mark.parametrize("hinted", [True, False])
def test_the_critical_value_is_the_smallest_float_that_passes(at, strict, hinted):
    asked = []

    def passes(value: float) -> bool:
        asked.append(value)
        return value > at if strict else value >= at

    grade = Grade(False, "", "wrong", (within("x", at, at), within("y", 0.3, 1.0), within("z", 2.0, 1.0)))
    found = critical(passes, breakpoints([grade]) if hinted else ())
    assert found == (math.nextafter(at, math.inf) if strict else at)
    assert len(asked) <= (8 if hinted else 66)


def test_no_tolerance_at_all_is_an_infinite_critical_value():
    assert critical(lambda value: False) == math.inf
    assert critical(lambda value: True) == SMALLEST
    assert critical(lambda value: value == LARGEST) == LARGEST


def test_boxes_cover_exactly_what_passes_whatever_the_cuts():
    def passes(place):
        return place[0] ** 2 + place[1] ** 2 >= 200

    boxes = passing_boxes(passes, [[0, 7, 20], [0, 20]])
    covered = [place for box in boxes for place in itertools.product(*(range(*side) for side in box))]
    assert len(covered) == len(set(covered))
    assert set(covered) == {place for place in itertools.product(range(20), range(20)) if passes(place)}


def test_a_judge_that_turns_a_pass_into_a_failure_is_found_out():
    with pytest.raises(NotMonotoneError):
        passing_boxes(lambda place: place[0] < 3, [[0, 10]])
