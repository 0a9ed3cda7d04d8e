"""A run: one rollout with its grade, and its line in `runs.jsonl`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from evalkit.grading.procedure import Graded
from evalkit.rollout.record import Ending, Rollout
from evalkit.task.grade import Grade, Measurement


class Outcome(StrEnum):
    """What a run counts as. Errors are nobody's answer to the task and stand beside the pass rate, not in it; an
    unknown run is in it, as a failure at its low end and as a pass at its high end."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ERROR = "error"


@dataclass(frozen=True)
class Run:
    """One rollout, what the grader found out about its submission, and the verdict."""

    number: int
    """1-based."""
    rollout: Rollout
    grade: Grade | None
    """None exactly where the outcome is `error` or `unknown`."""
    measurement: Measurement | None = None
    """None where nothing was submitted."""
    cost_usd: float | None = None
    """None where the price is unknown."""
    error: str = ""
    """One sentence where the outcome is `error` or `unknown`."""
    traceback: str = ""
    """Of the task's own code, where that is to blame for the error."""
    problem: str | None = None
    """Id of the problem; None where the task has but one."""
    attempt: int | None = None
    """Which try at its problem it is, from 1; None where the task has but one."""

    @classmethod
    def of(cls, rollout: Rollout, graded: Graded, cost_usd: float | None) -> Run:
        """A rollout with what grading it came to."""
        return cls(rollout.run, rollout, graded.grade, graded.measurement, cost_usd, graded.error, graded.traceback)

    @property
    def outcome(self) -> Outcome:
        """What it counts as."""
        if self.grade is None:
            return Outcome.UNKNOWN if self.rollout.ending is Ending.UNKNOWN else Outcome.ERROR
        return Outcome.PASSED if self.grade.passed else Outcome.FAILED

    @property
    def message(self) -> str:
        """What the run line shows after SUCCESS, FAILURE, UNKNOWN or ERROR."""
        return self.grade.message if self.grade else self.error

    def to_dict(self) -> dict[str, Any]:
        """The run's line in `runs.jsonl`: facts only, no times. Schema: `evalkit/results/schemas/run.schema.json`."""
        rollout, grade = self.rollout, self.grade
        return {
            "run": self.number,
            **({"problem": self.problem, "try": self.attempt} if self.problem is not None else {}),
            "outcome": self.outcome.value,
            "ending": rollout.ending.value,
            "category": grade.category if grade else None,
            "message": self.message,
            "score": grade.score if grade else None,
            "checks": [asdict(check) for check in grade.checks] if grade else [],
            "output_tokens": rollout.output_tokens,
            "input_tokens": rollout.input_tokens,
            "steps": rollout.steps,
            "tool_errors": rollout.tool_errors,
            "cost_usd": self.cost_usd,
            "leaked": rollout.leaked,
            **({"traceback": self.traceback} if self.traceback else {}),
        }
