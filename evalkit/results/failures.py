"""Failures: what a failed run is called in reports, and a row of the failure table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.results.runs import Run
from evalkit.rollout.record import Ending


@dataclass(frozen=True)
class Failure:
    """One row of the failure table."""

    label: str
    runs: tuple[int, ...]
    """Numbers of the runs that failed this way."""
    share: float
    """Of the runs without errors, so that the rows and the pass rate add up to 1."""

    @property
    def count(self) -> int:
        """How many runs."""
        return len(self.runs)


NO_SUBMISSION = {
    Ending.TOKEN_LIMIT: "Token limit",
    Ending.TIME_LIMIT: "Time limit",
    Ending.REFUSED: "Refused",
    Ending.CONTEXT_LIMIT: "Context limit",
}
"""How a `no_submission` failure is called in reports; every other ending is "No submission"."""


def failure_label(run: Run, categories: Mapping[str, str]) -> str:
    """What a failed run is called in reports: its category's title, and for no submission how it ended.

    Raises `ValueError` for a run that did not fail.
    """
    category = run.grade.category if run.grade else None
    if category is None:
        raise ValueError(f"run {run.number} did not fail")
    if category == "no_submission":
        return NO_SUBMISSION.get(run.rollout.ending, "No submission")
    return categories.get(category) or category.replace("_", " ").capitalize()
