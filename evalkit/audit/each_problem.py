"""Mutants of each problem's own reference, for sets whose problems have a program each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from evalkit.audit import verdict
from evalkit.audit.equivalence import same_functions
from evalkit.audit.findings import Finding
from evalkit.audit.grader_runs import AuditedProblem, GraderRuns, in_parallel
from evalkit.audit.labelled_solutions import oracle
from evalkit.audit.mutants import mutants
from evalkit.config.schema import Config
from evalkit.sampling.problem_set import problem_set
from evalkit.sandbox.protocol import Sandbox
from evalkit.task.optional_parts import problems_of, reference_source_of
from evalkit.task.protocol import Task

SHARED = 5
"""Problems of such a set on which labelled solutions and empty answers are tried: they are the same for all."""


@dataclass(frozen=True)
class ProblemAudit:
    """What the audit of one problem found. Keeps no answers: a set may be large."""

    id: str
    mutants: int
    rejected: int
    equivalent: int
    """Accepted mutants that compute what the reference computes, as far as values tell."""
    findings: tuple[Finding, ...]
    """The reference fails, an accepted mutant computes something else, or the grader raises."""

    @property
    def accepted(self) -> tuple[Finding, ...]:
        """A finding for every mutant that passes and computes something else."""
        return tuple(finding for finding in self.findings if finding.kind == "false-accept")


def has_programs(task: Task) -> bool:
    """Whether a task brings problems with a reference program each."""
    return problems_of(task) is not None and reference_source_of(task) is not None


async def audit_each(
    task: Task, config: Config, sandbox: Sandbox, asked: Sequence[AuditedProblem]
) -> tuple[ProblemAudit, ...]:
    """Audit the problems, as many at a time as there are cores."""
    several = problem_set(config, task)
    jobs = [
        partial(_audit_problem, GraderRuns(task, config, sandbox, [one]), several.id(one.run) or "") for one in asked
    ]
    return tuple(await in_parallel(jobs))


async def _audit_problem(exam: GraderRuns, name: str) -> ProblemAudit:
    """The reference and its mutants, one after the other."""
    source_of = reference_source_of(exam.task)
    assert source_of is not None
    reference = await exam.sit(oracle())
    made = mutants(source_of(exam.problems[0].spec))
    results = [reference, *[await exam.sit(mutant) for mutant in made]]
    decided = verdict.decide(results, reference, exam.problems, await same_functions(exam, results, reference))
    found = [one for one in verdict.findings(decided, exam.task) if one.kind != "nothing-to-check"]
    return ProblemAudit(
        id=name,
        mutants=len(made),
        rejected=sum(not one.accepted for one in decided.wrong),
        equivalent=len(decided.equivalent),
        findings=tuple(Finding(one.kind, f"{name} {one.subject}", one.message) for one in found),
    )
