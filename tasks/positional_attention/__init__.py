"""Multi-head attention with positions and a mask, on a few rows of numbers, every intermediate result submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.grade import Grade, Measurement
from evalkit.task.problem import Problem
from evalkit.task.scripted_agents import ScriptedAgent

from .data import problem
from .knobs import JUDGED_BY, Config, check
from .players import cast, play
from .spec import Spec
from .verdict import Rule

FOLDER = Path(__file__).parent


class Task:
    """Prompt, tools and grader of `positional_attention`."""

    Config = Config
    title = "Positional Multi-Head Attention Implementation"
    categories: ClassVar[Mapping[str, str]] = {
        "shape_error": "Dimension errors",
        "missing_mask": "Missing causal mask",
        "wrong_mask_direction": "Wrong mask direction",
        "numerical": "Numerical issues",  # missing or wrong scale, unnormalised or too rough
        "non_finite": "Numerical issues",  # NaN and overflow
        "logic": "Implementation logic",  # encoding, values, order of steps
        "no_submission": "No submission",
        "format_error": "Format",
        "parse_error": "Format",
    }
    graded_by: ClassVar[Sequence[str]] = JUDGED_BY

    def __init__(self, config: Config) -> None:
        """Raises `UserError` for a knob out of its range."""
        check(config)
        self._rule = Rule(config)
        self._published = config.data == "published"
        self._problem = lru_cache(maxsize=256)(partial(problem, config))

    def spec(self, problem: Problem) -> Spec:
        """The problem of one run; published numbers are the same for every run."""
        return self._problem(0 if self._published else problem.seed)

    async def measure(self, attempt: Attempt, spec: Spec, context: GradingContext) -> Measurement:
        """Errors, flag and evidence; the sandbox is not needed, because nothing submitted is run."""
        from .measure import measure

        return measure(attempt.answer, spec)

    def grade(self, measurement: Measurement) -> Grade:
        """The verdict table of docs/tasks/positional_attention.md."""
        return self._rule(measurement)

    def oracle(self, spec: Spec) -> ScriptedAgent:
        """A correct solution, run by the Python tool on the prompt's numbers."""
        return self.solution(self.reference_source(spec), spec)

    def reference_source(self, spec: Spec) -> str:
        """The program that the oracle runs; audits make mistakes in it."""
        return (FOLDER / "solutions" / "correct" / "numpy_heads.py").read_text(encoding="utf-8")

    def solution(self, source: str, spec: Spec) -> ScriptedAgent:
        """Plays one program of solutions/ through the real tools: runs it and submits what it printed."""
        return play(source, spec)

    def agents(self, spec: Spec) -> Sequence[ScriptedAgent]:
        """The simulated agents of agents.yaml, given what the prompt tells."""
        return cast(spec)
