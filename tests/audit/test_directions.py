"""The tolerance map along thresholds that loosen downwards, at 0 and below, on submissions whose figures are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.audit.grader_runs import AuditedProblem, GradedAttempt, Result
from evalkit.audit.labelled_solutions import Solution
from evalkit.audit.picture import row_figure
from evalkit.audit.tolerances import ToleranceMap, map_tolerances, window_words
from evalkit.audit.verdict import decide
from evalkit.display.svg import svg_file
from evalkit.task.grade import Measurement
from evalkit.task.registry import load_task
from tests.listing_task import BY_HAND, listing_task

FIGURES = {"items": 8, "repeats": 0, "sum": 0}
RIGHT = {"short": {"items": 7}, "low": {"sum": -4}, "high": {"sum": 5}}
WRONG = {"three": {"items": 3}, "four": {"items": 4}, "twice": {"repeats": 1}, "debt": {"sum": -5}, "rich": {"sum": 11}}


def mapped(node: dict[str, Any], right: Any = RIGHT, wrong: Any = WRONG) -> ToleranceMap:
    """The map for solutions with these figures, where they differ from those of the oracle."""
    task = load_task(node)
    problem = AuditedProblem(1, task.spec(None))  # type: ignore[arg-type]

    def result(kind: str, name: str, figures: dict[str, Any]) -> Result:
        measurement = Measurement({**FIGURES, **figures})
        return Result(Solution(kind, name), (GradedAttempt(1, name, measurement, task.grade(measurement)),))

    oracle = result("correct", "oracle", {})
    results = [oracle, *(result("correct", *each) for each in right.items())]
    results += [result("wrong", *each) for each in wrong.items()]
    return map_tolerances(task, node, decide(results, oracle, [problem], frozenset()), [problem])


@pytest.fixture
def node(tmp_path: Path) -> Any:
    with listing_task(tmp_path) as node:
        yield node


def test_a_minimum_is_safe_above_what_a_wrong_solution_has_up_to_what_every_right_one_has(node: Any) -> None:
    found = mapped(node)
    rows = {row.knob.rpartition(".")[2]: row for row in found.rows}
    assert found.findings == ()
    assert found.warnings == ()
    assert {name: row.falling for name, row in rows.items()} == {
        "items": True,
        "repeats": False,
        "low": True,
        "high": False,
    }
    items = rows["items"]
    assert (items.window, items.safe, items.never) == ((4, 7), True, 3)
    assert {mark.id: mark.critical for mark in items.marks if not mark.right} == {"wrong/three": 3, "wrong/four": 4}
    assert {mark.critical for mark in items.marks if mark.right} == {7, 8}
    assert window_words(items) == "above 4 up to 7"
    assert (rows["low"].window, window_words(rows["low"])) == ((-5, -4), "above -5 up to -4")
    assert (rows["high"].window, window_words(rows["high"])) == ((5, 11), "5 … 11")


def test_a_bound_of_0_has_the_window_that_no_error_passes_and_one_does_not(node: Any) -> None:
    (row,) = (row for row in mapped(node).rows if row.knob.endswith("repeats"))
    assert (row.configured, row.window, row.safe) == (0, (0, 1), True)
    assert row.floor is not None and row.floor.critical == 0
    near = {"none": {}, "nearly": {"repeats": 1e-12}}
    (row,) = (row for row in mapped(node, wrong=near).rows if row.knob.endswith("repeats"))
    assert (row.window, row.always) == ((0, 1e-12), ("wrong/none",))


@pytest.mark.parametrize(
    ("knob", "value", "said"),
    [
        ("items", 8, "tolerances.items=8 lies outside its safe window, above 4 up to 7"),
        ("items", 4, "tolerances.items=4 lies outside its safe window, above 4 up to 7"),
        ("low", 0, "tolerances.low=0 lies outside its safe window, above -5 up to -4"),
        ("high", 4, "tolerances.high=4 lies outside its safe window, 5 … 11"),
    ],
)
def test_a_bound_outside_its_window_is_a_warning(node: Any, knob: str, value: float, said: str) -> None:
    node["tolerances"][knob] = value
    assert any(said in warning for warning in mapped(node).warnings)


def test_a_minimum_without_a_window_says_who_passes_up_to_where(node: Any) -> None:
    warnings = mapped(node, wrong={"long": {"items": 9}}).warnings
    (warning,) = (said for said in warnings if "tolerances.items" in said)
    assert warning.endswith("needs 7 or less to pass, and wrong/long passes up to 9")
    assert "tolerances.items has no safe value: correct/short" in warning


def test_the_map_of_a_minimum_is_drawn_with_its_window(node: Any) -> None:
    for row in mapped(node).rows:
        figure = row_figure(row)
        assert svg_file([figure], (620, 80), "map").startswith("<svg ")
        assert figure.x.low < row.configured < figure.x.high
    assert not row_figure(mapped(node).rows[0]).x.logarithmic


UP = """\
        passed = found['items'] <= bounds.items
        return Grade(passed, '', None if passed else 'too_few')
"""
DOWN, EXACTLY = UP.replace("<=", ">="), UP.replace("<=", "==")
SAID = "directions = {'tolerances.items': 'at_least'}"
FOUND = ["not-monotone task.tolerances.items"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ((BY_HAND, UP + BY_HAND), []),
        ((BY_HAND, DOWN + BY_HAND), []),
        ((BY_HAND, EXACTLY + BY_HAND), FOUND),
        ((BY_HAND, UP + BY_HAND, "# declared", SAID), FOUND),
        ((BY_HAND, DOWN + BY_HAND, "# declared", SAID.replace("least", "most")), FOUND),
        ((BY_HAND, DOWN + BY_HAND, "# declared", SAID), []),
    ],
)
def test_a_grade_is_not_monotone_where_it_is_so_in_neither_direction_or_against_what_the_task_says(
    tmp_path: Path, source: tuple[str, ...], found: list[str]
) -> None:
    with listing_task(tmp_path, *source) as node:
        node["tolerances"].update(items=8, repeats=1)
        assert [one.name for one in mapped(node, {}, {}).findings] == found


def test_a_check_that_names_no_knob_of_the_config_is_a_finding(tmp_path: Path) -> None:
    with listing_task(tmp_path, 'knob="tolerances.items"', 'knob="tolerances.item"') as node:
        findings = mapped(node).findings
    (finding,) = (finding for finding in findings if finding.kind == "unknown-knob")
    assert (finding.subject, finding.message) == (
        "tolerances.item",
        "the check item names it: did you mean tolerances.items?",
    )
