"""Generated solutions that do the same count once; what people wrote is all kept."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.audit.behaviour import distinct
from evalkit.audit.grader_runs import GradedAttempt, Result
from evalkit.audit.labelled_solutions import Solution
from evalkit.task.grade import Fault, Measurement


def result(name, *answers, kind="mutants", values=None, fault=None):
    attempts = [GradedAttempt(run, answer, Measurement(values or {}, fault)) for run, answer in enumerate(answers, 1)]
    return Result(Solution(kind, name), tuple(attempts))


def left_out(*results):
    kept, same = distinct(results)
    assert len(kept) + sum(map(len, same.values())) == len(results)
    return same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (result("a", 1.0, 2.0), result("b", 1.0, 2.0), True),
        (result("a", 1.0, 2.0), result("b", 1.0, 2.5), False),
        (result("a", 1.0), result("b", 1.0 + 1e-12), True),
        (result("a", 1.0), result("b", 1.0, 1.0), False),
        (result("a", {"x": math.nan}), result("b", {"x": math.nan}), True),
        (result("a", {"x": math.inf}), result("b", {"x": -math.inf}), False),
        (result("a", {"x": [1, 2]}), result("b", {"x": [2, 1]}), False),
        (result("a", "source a", values={"error": [0.5]}), result("b", "source b", values={"error": [0.5]}), True),
        (result("a", "source a", values={"error": [0.5]}), result("b", "source b", values={"error": [None]}), False),
        (result("a", "source a", fault=Fault("x", "m")), result("b", "source b", fault=Fault("x", "m")), True),
        (result("a", "source a", fault=Fault("x", "m")), result("b", "source b", fault=Fault("y", "m")), False),
        (result("a", [1], kind="answers"), result("b", [1], kind="answers"), True),
        (result("a", "1", kind="answers"), result("b", 1, kind="answers"), False),
        (result("a", 1.0, kind="wrong"), result("b", 1.0, kind="wrong"), False),
        (result("a", 1.0), result("b", 1.0, kind="wrong"), False),
    ],
)
def test_what_gives_the_same_counts_once(one, other, same):
    expected = {one.solution.id: (other.solution.id,)} if same else {}
    assert left_out(one, other) == expected


def test_not_having_submitted_is_one_behaviour_and_another_than_zero():
    silent = [Result(Solution("mutants", name), (GradedAttempt(1),)) for name in "ab"]
    assert left_out(*silent, result("c", 0.0)) == {"mutants/a": ("mutants/b",)}


def test_what_the_grader_raised_is_part_of_it():
    raised = [Result(Solution("mutants", name), (GradedAttempt(1, error=name[0]),)) for name in ("a1", "a2", "b")]
    assert left_out(*raised) == {"mutants/a1": ("mutants/a2",)}


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=2, max_size=2)))
def test_as_many_are_kept_as_there_are_different_ones(answers):
    results = [result(str(number), *values) for number, values in enumerate(answers)]
    kept, _ = distinct(results)
    assert len(kept) == len({tuple(map(str, values)) for values in answers})
