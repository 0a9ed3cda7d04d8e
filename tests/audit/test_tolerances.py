"""The tolerance map on a task whose errors are known."""

from __future__ import annotations

import math

import pytest
from evalkit_tasks.arithmetic import Spec

from evalkit.audit.grader_runs import AuditedProblem, GradedAttempt, Result
from evalkit.audit.labelled_solutions import Solution
from evalkit.audit.tolerances import knobs, map_tolerances, window_words
from evalkit.audit.verdict import decide
from evalkit.landscape.thresholds import KnobGrader
from evalkit.task.grade import Measurement
from evalkit.task.registry import load_task

NODE = {"name": "arithmetic", "expression": "10*10", "tolerances": {"answer": 0.5}}


def surveyed(right, wrong, node=NODE):
    """The only row, for right and wrong solutions with these errors."""
    task, problem = load_task(node), AuditedProblem(1, Spec("10*10"))

    def result(kind, error):
        measurement = Measurement({"got": 100 + error, "expected": 100, "error": error})
        attempt = GradedAttempt(1, 100 + error, measurement, task.grade(measurement))
        return Result(Solution(kind, f"off_by_{error}"), (attempt,))

    oracle = result("correct", 0.0)
    results = [oracle, *(result("correct", e) for e in right), *(result("wrong", e) for e in wrong)]
    map_ = map_tolerances(task, node, decide(results, oracle, [problem], frozenset()), [problem])
    return next(iter(map_.rows), None), map_


def test_every_number_that_only_judge_reads_is_mapped():
    assert knobs(load_task(NODE), NODE) == ["task.tolerances.answer"]


def test_the_window_lies_between_the_least_exact_right_and_the_nearest_wrong_solution():
    row, map_ = surveyed([0.125, 0.25], [2.0, 8.0])
    assert row.window == (math.nextafter(0.25, 1), math.nextafter(2.0, 3))
    assert (row.floor.id, row.ceiling.id) == ("correct/off_by_0.25", "wrong/off_by_2.0")
    assert row.safe
    assert map_.warnings == ()
    assert window_words(row) == "0.25 … 2"


@pytest.mark.parametrize(
    ("right", "wrong", "tolerance", "said"),
    [
        ([0.25], [0.125], 0.5, "has no safe value"),
        ([0.25], [0.4], 0.5, "lies outside its safe window, 0.25 … 0.4"),
        ([0.25], [0.4], 0.3, "has a narrow safe window, 0.25 … 0.4"),
        ([2.0], [8.0], 0.5, "lies outside its safe window, 2 … 8"),
    ],
)
def test_a_missing_missed_or_narrow_window_is_a_warning(right, wrong, tolerance, said):
    row, map_ = surveyed(right, wrong, {**NODE, "tolerances": {"answer": tolerance}})
    (warning,) = map_.warnings
    assert said in warning
    assert row.safe == ("narrow" in said)


class Raising:
    """The arithmetic task's grade, which divides by what is left of the tolerance."""

    def __init__(self, beyond, task):
        self._beyond, self._task = beyond, task

    def __getattr__(self, name):
        return getattr(self._task, name)

    def grade(self, measurement):
        tolerance = self._task.config.tolerances.answer
        1 / (0 if self._beyond(tolerance) else 1)
        return self._task.grade(measurement)


def test_a_grade_that_raises_at_a_small_value_is_a_finding_with_the_authors_line_and_the_rest_is_mapped(monkeypatch):
    monkeypatch.setattr(KnobGrader, "task", raising(lambda tolerance: tolerance < 0.01))
    row, map_ = surveyed([0.125], [2.0])
    (found,) = map_.findings
    assert found.name == "grader-exception task.tolerances.answer"
    assert found.message.startswith("at task.tolerances.answer=4.94e-324: the task's grade raised ZeroDivisionError")
    assert "'1 / (0 if self._beyond(tolerance) else 1)'" in found.message
    assert row.window == (math.nextafter(0.125, 1), math.nextafter(2.0, 3))


def test_a_grade_that_raises_at_a_loose_value_is_a_finding_and_nothing_is_said_of_that_knob(monkeypatch):
    monkeypatch.setattr(KnobGrader, "task", raising(lambda tolerance: tolerance > 1e9))
    map_ = surveyed([0.125], [2.0])[1]
    assert [found.name for found in map_.findings] == ["grader-exception task.tolerances.answer"]
    assert map_.rows == ()


def raising(beyond):
    built = KnobGrader.task
    return lambda self, values: Raising(beyond, built(self, values))


def test_a_whole_number_is_probed_at_whole_numbers_only(monkeypatch):
    monkeypatch.setattr(KnobGrader, "values", lambda self: (5,))
    monkeypatch.setattr(KnobGrader, "task", raising(lambda tolerance: tolerance != int(tolerance)))
    row, map_ = surveyed([0.125], [8.0])
    assert map_.findings == ()
    assert row.window == (1.0, 9.0)


def test_a_wrong_solution_that_is_right_by_value_decides_nothing():
    row, _ = surveyed([0.25], [0.0])
    assert row.ceiling is None
    assert window_words(row) == "from 0.25 on"
