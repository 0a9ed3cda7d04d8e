"""Results as somebody reads them who was given a directory: nothing is `Any` that has a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

import evalkit
from evalkit import Ending, Grade, Limits, Measurement, Outcome, Rollout, Turn, clip, load
from evalkit.results.reading import CellRecord, Results, RunRecord
from evalkit.task.grade import Check


def read(folder: str) -> float | None:
    results = evalkit.load(folder)
    assert_type(results, Results)
    assert_type(load(folder), Results)
    assert_type(results.cells, tuple[CellRecord, ...])
    cell = results.cells[0]
    assert_type(cell.config, Mapping[str, Any])
    assert_type(cell.limits, Limits)
    for run in results.runs:
        assert_type(run, RunRecord)
        assert_type(run.outcome, Outcome)
        assert_type(run.checks, tuple[Check, ...])
        assert_type(run.measurement, Measurement | None)
        assert_type(run.rollout, Rollout)
        assert_type(run.rollout.ending, Ending)
        assert_type(run.rollout.turns, tuple[Turn, ...])
        assert_type(clip(run.rollout, Limits(max_tokens=100)), Rollout)
        assert_type(run.traceback, str)
    assert_type(evalkit.Grade(True, "fine"), Grade)
    assert_type(evalkit.__version__, str)
    return cell.summary.rate.value
