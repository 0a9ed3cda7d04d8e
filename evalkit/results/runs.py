"""A run: one rollout with its grade, and what `runs.jsonl` and `measurements.jsonl` say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, field

from evalkit.grading.procedure import Graded
from evalkit.rollout.record import Ending, Rollout
from evalkit.task.grade import Check, Fault, Grade, Measurement
from evalkit.util.records import Amount, Count, Positive, Record, Share


class Outcome(StrEnum):
    """What a run counts as. Errors are nobody's answer to the task and stand beside the pass rate, not in it; an
    unknown run is in it, as a failure at its low end and as a pass at its high end."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ERROR = "error"


_ALWAYS = ("name", "passed", "value", "bound", "required")
_CHECK = Meta(
    extra_json_schema={
        "required": list(_ALWAYS),
        "properties": {
            "value": {"description": "What was found; null where it is not a number."},
            "bound": {"description": "What it was compared with."},
            "required": {"description": "false: reported, but no part of the verdict."},
            "knob": {"description": "The knob that is the bound, if the task says which: `tolerances.answer`."},
            "direction": {"description": "at_most: a larger bound passes more; at_least: a smaller one."},
            "category": {"description": "Of a check that failed, if the task says it: the category of such a failure."},
            "message": {"description": "Of a check that failed, if the task says it: what such a failure says."},
        },
    }
)
"""Said here: a word more in `evalkit/task/grade.py` changes the keys of rollouts and measurements that are kept."""


def check_facts(check: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a check, those of its knob and its failure only where it has any."""
    return {name: value for name, value in check.items() if name in _ALWAYS or value is not None}


class RunLine(Record, frozen=True, kw_only=True):
    """One run: facts only, no times. Lines are sorted by run."""

    number: Positive = field(name="run")
    """Number of the run, from 1; of a set of problems, a million times the problem's index plus the try."""
    problem: str | None = None
    """Id of the problem; absent where the task has but one."""
    attempt: Positive | None = field(name="try", default=None)
    """Which try at its problem it is; absent where the task has but one problem."""
    outcome: Outcome
    """An error is the fault of the provider, the sandbox or the task's own code, not the model's, and is no part of the
    pass rate. An unknown run was clipped to limits under which its record does not tell whether it passed: the pass
    rate is a range."""
    ending: Ending
    """How the rollout ended."""
    category: str | None
    """Why it failed, one of the task's categories; null where it did not."""
    message: str
    """What the run line shows after the verdict. May quote the model: data, never markup."""
    score: Share | None
    """Partial credit; 1 or 0 where the task gives none; null for an error and where the outcome is unknown."""
    checks: tuple[Annotated[Check, _CHECK], ...]
    """Named comparisons of the grade."""
    output_tokens: Count
    """Of all responses, thinking included; of a cut one those inside the budget."""
    input_tokens: Count
    """Of all calls, cached ones included."""
    steps: Count
    """Model calls."""
    tool_errors: Count
    """Tool calls that were answered with an error."""
    cost_usd: Amount | None
    """US dollars; null where the price is unknown."""
    leaked: bool
    """A secret of the grader was found in the conversation: the grade proves nothing."""
    traceback: str = ""
    """Only where the task's own code raised: its traceback, without evalkit's frames and addresses."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON, keys in the order of the fields."""
        facts = super().to_dict()
        return {**facts, "checks": [check_facts(check) for check in facts["checks"]]}


class MeasurementLine(Record, frozen=True, kw_only=True):
    """What a grader found out about the submission of a run, before any threshold."""

    run: Positive
    values: Mapping[str, Any]
    """What the grader found out: errors, shapes, flags; a task's own keys. `reference` is shown beside the submission,
    `diagnosis` with a failed run."""
    fault: Fault | None
    """Why the submission could not be measured to the end."""


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

    @property
    def line(self) -> RunLine:
        """What `runs.jsonl` says of it."""
        rollout, grade = self.rollout, self.grade
        return RunLine(
            number=self.number,
            problem=self.problem,
            attempt=self.attempt,
            outcome=self.outcome,
            ending=rollout.ending,
            category=grade.category if grade else None,
            message=self.message,
            score=grade.score if grade else None,
            checks=grade.checks if grade else (),
            output_tokens=rollout.output_tokens,
            input_tokens=rollout.input_tokens,
            steps=rollout.steps,
            tool_errors=rollout.tool_errors,
            cost_usd=self.cost_usd,
            leaked=rollout.leaked,
            traceback=self.traceback,
        )
