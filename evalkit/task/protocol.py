"""Task protocol: what an author implements, and the check of a plugin.

A task lives in `tasks/<name>/`: a package whose `Task` takes the `task` node of the config. Plain objects
satisfy the protocols; nothing has to be inherited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from evalkit.task.attempt import Attempt, GradingContext
from evalkit.task.grade import Grade, Measurement
from evalkit.task.problem import Problem
from evalkit.task.scripted_agents import ScriptedAgent
from evalkit.task.tools import Tool


class Spec(Protocol):
    """One problem instance: prompt, answer form, reference and hidden inputs, all from the same values."""

    @property
    def prompt(self) -> str:
        """What the model is asked. States every rule that the grader enforces."""
        ...

    @property
    def answer_schema(self) -> Mapping[str, Any]:
        """JSON Schema of the answer, shown to the model; the grader judges the form."""
        ...

    @property
    def tools(self) -> Sequence[Tool]:
        """Everything the model may call, `submit_answer` included."""
        ...

    # Optional: HasSystem, HasFiles, HasArtifacts, HasNeedsSubmission; for audits HasRules, HasHidden,
    # HasStatedAccuracy, Scalable (optional_parts.py).


class Task(Protocol):
    """Prompt, tools and grader, configured by `conf/task/<name>.yaml`."""

    # Class attributes, all four; as properties here, so that a plain `title = "…"` fits them for type checkers.

    @property
    def Config(self) -> type:
        """A dataclass: name and type of every knob. Values live in the YAML only."""
        ...

    @property
    def title(self) -> str:
        """One line for reports."""
        ...

    @property
    def categories(self) -> Mapping[str, str]:
        """Failure category → its title in reports, in the order in which reports list ties."""
        ...

    @property
    def graded_by(self) -> Sequence[str]:
        """Knobs that only `grade` reads (`tolerances`, …): turning them needs no new rollout and no new measurement."""
        ...

    def __init__(self, config: Any) -> None:
        """`config` is an instance of `Config`. A knob out of range raises `UserError`."""
        ...

    def spec(self, problem: Problem) -> Spec:
        """A problem as the model meets it. Same config and problem, same spec; must not depend on `graded_by` knobs."""
        ...

    # `spec` is Any below: what a task's own `spec` returned, of which it may ask more than `Spec` has.

    async def measure(self, attempt: Attempt, spec: Any, context: GradingContext) -> Measurement:
        """What is true of `attempt.answer` (any JSON). Never raises for what an answer holds: that is a `Fault`."""
        ...

    def grade(self, measurement: Measurement) -> Grade:
        """The verdict under this config's thresholds.

        Pure and fast; a looser tolerance never turns a pass into a failure.
        """
        ...

    def oracle(self, spec: Any) -> ScriptedAgent:
        """Plays the reference solution through the real tools."""
        ...

    def agents(self, spec: Any) -> Sequence[ScriptedAgent]:
        """The simulated agents of this task, for `model=simulated`."""
        ...

    # Optional, for audits: HasSolution, HasReferenceSource, HasValues, MeasuresMany, HasTaskKind (optional_parts.py).
