"""Directions and bounds of thresholds that are refused before a launch, in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.task.registry import load_task
from evalkit.util.errors import UserError
from tests.listing_task import SOURCE, listing_task

BY_STRICT_CHECKS = (
    *(SOURCE[SOURCE.index("from evalkit import") : SOURCE.index("\n\n\n@dataclass")],),
    "from evalkit import Grade, Measurement, SubmitAnswer, submitting, within",
)


@pytest.mark.parametrize("value", [0, -3, 0.5])
def test_a_bound_that_something_can_hold_at_may_be_0_and_negative(tmp_path: Path, value: float) -> None:
    with listing_task(tmp_path) as node:
        assert (
            load_task({**node, "tolerances": {**node["tolerances"], "repeats": value}}).config.tolerances.repeats
            == value
        )  # type: ignore[attr-defined]


def test_0_is_refused_where_nothing_could_pass_it_and_the_task_does_not_say_that_it_means_it(tmp_path: Path) -> None:
    declared = "directions = {'tolerances.repeats': 'at_most', 'tolerances.low': 'at_least'}"
    with listing_task(tmp_path / "one", *BY_STRICT_CHECKS) as node, pytest.raises(UserError) as refused:
        load_task(node)
    said = "task.tolerances.repeats=0 is out of range: use a number above 0 (at_most and at_least take 0 and less)"
    assert str(refused.value) == said
    with listing_task(tmp_path / "two", *BY_STRICT_CHECKS, "# declared", declared) as node:
        assert load_task(node).graded_by == ("tolerances",)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            "{'tolerances.item': 'at_least'}",
            "'tolerances.item', which is no number of the config: did you mean tolerances.items?",
        ),
        (
            "{'items': 'at_least'}",
            "names 'items', which `graded_by` does not list: there are tolerances.high, tolerances",
        ),
        ("{'tolerances.items': 'up'}", "says 'up' of tolerances.items: use at_most or at_least"),
    ],
)
def test_a_direction_that_means_nothing_is_refused_with_the_authors_line(
    tmp_path: Path, declared: str, said: str
) -> None:
    with listing_task(tmp_path, "# declared", f"directions = {declared}") as node, pytest.raises(UserError) as refused:
        load_task(node)
    assert said in str(refused.value)
    assert "tasks/" in str(refused.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bound_must_be_finite(tmp_path: Path, value: Any) -> None:
    with listing_task(tmp_path) as node, pytest.raises(UserError, match="out of range: use a finite number"):
        load_task({**node, "tolerances": {**node["tolerances"], "high": value}})
