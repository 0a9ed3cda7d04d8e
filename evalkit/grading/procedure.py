"""Grading procedure of a rollout: measure → grade → errors. Launches, regrading, audits and diffs use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.rollout.limits import Limits
from evalkit.rollout.record import Ending, Rollout
from evalkit.task import author_code
from evalkit.task.attempt import Attempt
from evalkit.task.grade import Grade, Measurement
from evalkit.task.optional_parts import artifacts_of
from evalkit.task.protocol import Spec, Task
from evalkit.util.errors import LostFilesError, SandboxError, TaskError
from evalkit.util.text import counted

Measure = Callable[[Any], Awaitable[Measurement]]
"""From an answer to its measurement. Raises TaskError and SandboxError."""


@dataclass(frozen=True)
class Graded:
    """What grading a rollout came to: a grade, or an error instead of one. Once measured: neither."""

    grade: Grade | None = None
    measurement: Measurement | None = None
    """None where nothing was submitted, and where there is an error."""
    error: str = ""
    """One sentence."""
    traceback: str = ""
    """Of the task's own code, where that is to blame."""
    fault: TaskError | SandboxError | None = None
    """What grading raised; None where the rollout itself ended by an error."""

    @classmethod
    def failed(cls, fault: TaskError | SandboxError) -> Graded:
        """A grader that raised, or whose sandbox failed."""
        if isinstance(fault, TaskError):
            return cls(error=str(fault), traceback=fault.traceback, fault=fault)
        return cls(error=f"the grader's sandbox failed: {fault}", fault=fault)


async def grade(
    task: Task,
    rollout: Rollout,
    measure: Measure,
    limits: Limits,
    *,
    needs_submission: bool = True,
    listed: bool = True,
    limit_s: float,
) -> Graded:
    """Measure and grade one rollout. Arguments: see `measured` and `grades_of`."""
    found = await measured(rollout, measure, limits, needs_submission=needs_submission)
    return (await grades_of([(task, found)], listed=listed, limit_s=limit_s))[0]


async def measured(rollout: Rollout, measure: Measure, limits: Limits, *, needs_submission: bool = True) -> Graded:
    """The first half: whole already where there is nothing to grade. `limits`: those that it was clipped to.

    `needs_submission`: as the task's spec has it; if not, the answer is None where nothing was submitted.
    """
    if rollout.ending in (Ending.ERROR, Ending.UNKNOWN):
        return Graded(error=rollout.detail, traceback=rollout.traceback)
    if rollout.submission is None and needs_submission:
        return Graded(without_submission(rollout, limits.max_tokens, limits.max_steps))
    return await measured_answer(rollout.submission.answer if rollout.submission else None, measure)


def attempt_of(rollout: Rollout, spec: Spec) -> Attempt:
    """What a rollout came to. Raises `LostFilesError` where it did not keep the files that the task grades."""
    wanted = artifacts_of(spec)
    if wanted != rollout.patterns:
        kept = ", ".join(rollout.patterns) or "no files"
        raise LostFilesError(
            f"Run {rollout.run} kept {kept}, and the task grades {', '.join(wanted) or 'none'} now: launch again"
        )
    return Attempt.of(rollout)


async def measured_answer(answer: Any, measure: Measure) -> Graded:
    """The first half for an answer without its rollout."""
    try:
        return Graded(measurement=await measure(answer))
    except (SandboxError, TaskError) as error:
        return Graded.failed(error)
    except LostFilesError as error:
        return Graded(error=str(error))


async def grades_of(pairs: Sequence[tuple[Task, Graded]], *, listed: bool = True, limit_s: float) -> list[Graded]:
    """The second half, for several together: changing threads takes longer than grading.

    `listed`: a category must be one of the task's. `limit_s`: seconds that one call of `grade` may take.
    """
    open_ = [(task, one.measurement) for task, one in pairs if one.measurement is not None]
    verdicts = iter(await author_code.grade_all(open_, listed=listed, limit_s=limit_s))
    return [one if one.measurement is None else _with(one.measurement, next(verdicts)) for _, one in pairs]


def _with(measurement: Measurement, verdict: Grade | TaskError | SandboxError) -> Graded:
    return Graded(verdict, measurement) if isinstance(verdict, Grade) else Graded.failed(verdict)


def without_submission(rollout: Rollout, limit_tokens: int | None, limit_steps: int | None) -> Grade:
    """The grade of a rollout that ended without a submission (not for `error` and `unknown`)."""
    messages = {
        Ending.TOKEN_LIMIT: f"[LIMIT REACHED] Hit {limit_tokens or rollout.output_tokens} token limit",
        Ending.STEP_LIMIT: f"[LIMIT REACHED] Hit {limit_steps or rollout.steps} step limit",
        Ending.TIME_LIMIT: "[LIMIT REACHED] Hit the time limit",
        Ending.GAVE_UP: "Ended its turn without submitting an answer",
        Ending.REFUSED: f"Refused{': ' + rollout.detail if rollout.detail else ''}",
        Ending.CONTEXT_LIMIT: f"[LIMIT REACHED] {_context(rollout)}",
    }
    return Grade(False, messages[rollout.ending], "no_submission")


def _context(rollout: Rollout) -> str:
    last = rollout.turns[-1] if rollout.turns else None
    if last and last.stop_reason in ("max_tokens", "model_context_window_exceeded"):
        written = counted(last.output_tokens, "token")
        return f"The model's context was full after {written} of a response"
    return "The conversation no longer fits the model's context"
