"""Attempt: an answer as a grader gets it, and what a grader may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.rollout.record import Rollout
from evalkit.sandbox.protocol import Sandbox


@dataclass(frozen=True)
class Attempt:
    """What is graded."""

    answer: Any
    """What was submitted: any JSON."""
    rollout: Rollout | None = None
    """The rollout that ended with it; None where an answer is graded without one, as in audits."""
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    """Relative path → content of the files that the task grades. Empty: no task declares any yet."""


@dataclass(frozen=True)
class GradingContext:
    """What `measure` may use besides the attempt and the spec."""

    sandbox: Sandbox
    """Where code of the attempt runs: sessions that nothing has touched."""
