"""What an audit is going to do: what it leaves out and why, and how often it calls a measure that may cost money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.audit.generic import starts
from evalkit.audit.grader_runs import GraderRuns
from evalkit.audit.labelled_solutions import Solution
from evalkit.audit.prompt_consistency import turns
from evalkit.audit.stability import GRADINGS
from evalkit.task.optional_parts import TaskKind, kind_of
from evalkit.task.protocol import Task
from evalkit.util.text import counted


@dataclass(frozen=True)
class Plan:
    """How much is tried."""

    kind: TaskKind
    quick: bool = False
    """Neither mutants nor generic answers, by the user's wish."""
    mutants: bool = True
    """Whether the user wants mutants."""

    @classmethod
    def of(cls, task: Task, *, quick: bool, mutants: bool) -> Plan:
        """For a task and two options."""
        return cls(kind_of(task), quick, mutants)

    @property
    def makes_answers(self) -> bool:
        """Whether wrong answers are made of the right one."""
        return not self.quick and self.kind != "rubric"

    @property
    def makes_mutants(self) -> bool:
        """Whether mistakes are made in the reference."""
        return self.makes_answers and self.mutants

    @property
    def left_out(self) -> str:
        """What is not made, and why; empty if everything is."""
        if self.quick:
            return "mutants and generic answers (left out by --quick)"
        if self.kind == "rubric":
            return (
                "mutants and generic answers (the task's kind is rubric: an answer with a change in it may be as good, "
                "and only a judge could say)"
            )
        return "" if self.mutants else "mutants (left out by --no-mutants)"

    def announcement(self, exam: GraderRuns, name: str, own: Sequence[Solution]) -> str:
        """Before the first call of a measure that may ask a paid judge: how many calls there will be; else empty."""
        if self.kind != "rubric":
            return ""
        problems, labelled = exam.problems, 1 + len(own)
        each = (labelled + len(starts(problems[0].spec)) + 2) * len(problems)
        turned = len(list(turns(exam.config, exam.task.graded_by)))
        most = each + GRADINGS - 1 + labelled + 2 + turned
        return (
            f"{name} is judged by a rubric: this audit calls its measure up to {counted(most, 'time')}, on "
            f"{counted(len(problems), 'problem')}. If measure asks a model that costs money, that is what it costs; "
            "--seeds 1 takes one problem."
        )
