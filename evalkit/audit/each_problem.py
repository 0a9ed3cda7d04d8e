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
from evalkit.audit.plan import Plan
from evalkit.sampling.problem_set import problem_set
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
    good_enough: int
    """Accepted mutants that compute something else, where whatever is good enough is right."""
    findings: tuple[Finding, ...]
    """The reference fails, an accepted mutant computes something else, or the grader raises."""

    @property
    def accepted(self) -> tuple[Finding, ...]:
        """A finding for every mutant that passes and computes something else."""
        return tuple(finding for finding in self.findings if finding.kind == "false-accept")


def has_programs(task: Task) -> bool:
    """Whether a task brings problems with a reference program each."""
    return problems_of(task) is not None and reference_source_of(task) is not None


async def audit_each(whole: GraderRuns, asked: Sequence[AuditedProblem], plan: Plan) -> tuple[ProblemAudit, ...]:
    """Audit the problems, as many at a time as there are cores."""
    several = problem_set(whole.config, whole.task)
    exams = [GraderRuns(whole.task, whole.config, whole.sandbox, [one]) for one in asked]
    jobs = [partial(_audit_problem, exam, several.id(exam.problems[0].run) or "", plan) for exam in exams]
    return tuple(await in_parallel(jobs))


async def _audit_problem(exam: GraderRuns, name: str, plan: Plan) -> ProblemAudit:
    """The reference and its mutants, one after the other."""
    source_of = reference_source_of(exam.task)
    assert source_of is not None
    reference = await exam.sit(oracle())
    made = mutants(source_of(exam.problems[0].spec)) if plan.makes_mutants else []
    results = [reference, *[await exam.sit(mutant) for mutant in made]]
    same = await same_functions(exam, results, reference)
    decided = verdict.decide(results, reference, exam.problems, same, plan.kind)
    found = [one for one in verdict.findings(decided, exam.task) if one.kind != "nothing-to-check"]
    return ProblemAudit(
        id=name,
        mutants=len(made),
        rejected=sum(not one.accepted for one in decided.wrong),
        equivalent=len(decided.equivalent),
        good_enough=len(decided.good_enough),
        findings=tuple(Finding(one.kind, f"{name} {one.subject}", one.message) for one in found),
    )
