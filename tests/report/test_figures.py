"""Figures of a launch: the gauge of its pass rate, and the curve of tokens to success with what is said along it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.display.figure import Band, Box, Line, Point, Rule, Segment
from evalkit.report.figures import caption, gauge, tokens_curve
from evalkit.results.early_stopping import Stopping
from evalkit.results.reading import CellRecord, load
from evalkit.results.runs import Outcome
from evalkit.stats.simultaneous import curve_margin
from evalkit.stats.verdict import Decision
from tests.outputs import broken, write_launch


@pytest.fixture
def cell(tmp_path: Path) -> CellRecord:
    """Twelve runs, of which one is an error and four passed."""
    return load(write_launch(tmp_path / "launch")).cells[0]


def test_the_gauge_has_the_rate_on_its_interval_in_the_target(cell: CellRecord) -> None:
    summary = cell.summary
    figure = gauge(summary)
    interval = summary.rate.interval
    zone, span, point = figure.items
    assert zone == Box((summary.band.low, summary.band.high), None, "zone")
    assert span == Segment((interval.low, 0.5), (interval.high, 0.5), "span")
    assert isinstance(point, Point) and point.x == summary.rate.value
    assert figure.label == "Pass rate 36.4%, interval 15.2% to 64.6%, target 10-40%"


def test_unknown_runs_make_the_rate_a_range(cell: CellRecord) -> None:
    rate = replace(cell.summary.rate, unknown=2)
    figure = gauge(replace(cell.summary, rate=rate))
    assert rate.range is not None
    assert figure.items[2] == Box((rate.range.low, rate.range.high), (0.25, 0.75), "mark")
    assert tokens_curve(replace(cell, summary=replace(cell.summary, rate=rate))) is None


def test_the_curve_rises_where_runs_passed_and_says_so_at_every_step(cell: CellRecord) -> None:
    found = tokens_curve(cell)
    assert found is not None
    figure, words = found
    graded, needed = (
        cell.summary.rate.runs,
        sorted(run.output_tokens for run in cell.runs if run.outcome is Outcome.PASSED),
    )
    (line,), (band,) = ([item for item in figure.items if isinstance(item, kind)] for kind in (Line, Band))
    for at, rate in line.points:
        assert rate == sum(tokens <= at for tokens in needed) / graded
    margin = curve_margin(graded, cell.summary.confidence)
    assert [(low, high) for _, low, high in band.points] == [
        (max(0, rate - margin), min(1, rate + margin)) for _, rate in line.points
    ]
    assert words["end"] == 500 and Rule(500, "limit 500") in figure.items
    assert [at for at, _ in words["steps"]] == sorted({0, *needed})
    assert words["steps"][-1][1].startswith("36.4% pass (whole curve at 95%: ")


def test_a_bound_on_the_whole_curve_is_left_out_where_the_results_chose_the_number_of_runs(cell: CellRecord) -> None:
    stopped = replace(cell.summary, stopping=Stopping(Decision.TOO_EASY, 12, 100, 12, 0.05))
    found = tokens_curve(replace(cell, summary=stopped))
    assert found is not None
    figure, words = found
    assert not [item for item in figure.items if isinstance(item, Band)]
    assert words["steps"][-1][1] == "36.4% pass"
    assert "Blue" in caption(cell.summary) and "Blue" not in caption(stopped)


def test_without_a_graded_run_there_is_no_rate_and_no_curve(tmp_path: Path) -> None:
    cell = load(write_launch(tmp_path / "launch", [broken(1)])).cells[0]
    assert tokens_curve(cell) is None
    assert gauge(cell.summary).label == "No pass rate"
    assert len(gauge(cell.summary).items) == 1
