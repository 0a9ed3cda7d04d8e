"""Attempt: an answer as a grader gets it, and what a grader may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.rollout.artifacts import at_end, contents
from evalkit.rollout.record import Rollout
from evalkit.sandbox.protocol import GradingSandbox


@dataclass(frozen=True)
class Attempt:
    """What is graded."""

    answer: Any
    """What was submitted: any JSON; None where nothing was, in a task with `needs_submission = False`."""
    rollout: Rollout | None = None
    """The rollout that ended with it; None where an answer is graded without one, as in audits."""
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    """Relative path → content of the files that fit `Spec.artifacts`, as the rollout left them."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Path of what fits `Spec.artifacts` and is a link, unreadable or too large → why it is not in `artifacts`."""

    @classmethod
    def of(cls, rollout: Rollout) -> Attempt:
        """What a rollout came to. Raises `LostFilesError`."""
        standing = at_end(rollout)
        answer = rollout.submission.answer if rollout.submission else None
        return cls(answer, rollout, contents(rollout, standing), standing.left_out)


@dataclass(frozen=True)
class GradingContext:
    """What `measure` may use besides the attempt and the spec."""

    sandbox: GradingSandbox
    """Where code of the attempt runs: sessions that nothing has touched."""
