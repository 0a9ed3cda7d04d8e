"""One audit from start to end: run everything, then collect the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evalkit.audit import generic, leaks, prompt_consistency, stability, tolerances, verdict
from evalkit.audit.behaviour import distinct
from evalkit.audit.each_problem import SHARED, ProblemAudit, audit_each, has_programs
from evalkit.audit.equivalence import same_functions
from evalkit.audit.findings import Finding, in_order, known_findings
from evalkit.audit.grader_runs import AuditedProblem, GraderRuns, Result, problems
from evalkit.audit.known import Tried
from evalkit.audit.known_answers import task_answers
from evalkit.audit.labelled_solutions import Solution, fitting, oracle, solutions, task_folder
from evalkit.audit.mutants import mutants
from evalkit.audit.scale import advice
from evalkit.config.schema import Config
from evalkit.sampling.problem_set import problem_set
from evalkit.sampling.resources import Resources
from evalkit.task.optional_parts import reference_source_of
from evalkit.task.protocol import Task
from evalkit.task.registry import check_specs, load_task

SEEDS = 50


@dataclass(frozen=True)
class Audit:
    """Everything that an audit found out."""

    config: str
    """Name of the task's config."""
    title: str
    seeds: int
    problems: int
    """Different ones among the seeds'."""
    isolation: str
    verdict: verdict.GraderVerdict
    tried: Tried
    stability: stability.GradeStability | None = None
    tolerances: tolerances.ToleranceMap | None = None
    promises: prompt_consistency.Promises | None = None
    leaks: leaks.Leaks | None = None
    warnings: tuple[str, ...] = ()
    each: tuple[ProblemAudit, ...] = ()
    """The problems of a set whose problems have a program each, one by one."""
    findings: tuple[Finding, ...] = ()
    known: frozenset[str] = field(default_factory=frozenset)
    """Names of findings that the task's author knows of."""

    @property
    def new(self) -> set[str]:
        """Findings that nobody knew of."""
        return {finding.name for finding in self.findings} - self.known

    @property
    def gone(self) -> set[str]:
        """Known findings that were looked for and not found any more."""
        return set(filter(self.tried.includes, self._missed))

    @property
    def untried(self) -> set[str]:
        """Known findings that this audit did not look for, or not on all problems."""
        return self._missed - self.gone

    @property
    def _missed(self) -> set[str]:
        return set(self.known) - {finding.name for finding in self.findings}


async def audit(
    config: Config,
    name: str,
    resources: Resources,
    *,
    seeds: int | None = None,
    thorough: bool = False,
    quick: bool = False,
) -> Audit:
    """Audit the task of one config. `name`: what reports call it. `UserError` for a task that cannot be built.

    `resources` keeps the sandbox open, for the next audit too.
    `seeds`: problems, by default `SEEDS`; each one of a set whose problems have a program each.
    `thorough`: grade everything on every problem as a run would. `quick`: leave out mutants and generic answers.
    """
    task = load_task(config.task)
    several = problem_set(config, task)
    check_specs(task, several.problem(several.first), disk_mb=config.sandbox.disk_mb, audit=True)
    programs = has_programs(task)
    everyone, faults = problems(task, config, seeds or (len(several) if programs else SEEDS))
    asked = everyone[:SHARED] if programs else everyone
    seeds = len(asked) if programs else seeds or SEEDS
    own = fitting(solutions(task_folder(task)), config.task) + task_answers(task, [one.spec for one in asked])
    sandbox = await resources.sandbox(config, asked[0].spec, also=_used(own))
    await sandbox.ready()
    exam = GraderRuns(task, config, sandbox, asked, thorough=thorough)
    reference = await exam.sit(oracle())
    others = [*own, *_made(task, asked, reference, quick or programs)]
    results, same = distinct([reference, *await exam.sit_all(others)])
    decided = verdict.decide(results, reference, asked, await same_functions(exam, results, reference))
    graded = [one.result for one in (*decided.right, *decided.wrong)]
    map_ = tolerances.map_tolerances(task, config.task, decided, asked)
    stable = await stability.check_stability(exam, graded, map_, quick=quick)
    said = await prompt_consistency.check_prompt(exam, decided)
    leaked = await leaks.find_leaks(exam, {attempt.run: attempt.answer for attempt in reference.attempts})
    hints = await advice(exam, map_, decided)
    each = await audit_each(task, config, sandbox, everyone) if programs and not quick else ()
    found = [*faults, *(one for problem in each for one in problem.findings), *verdict.findings(decided, task)]
    found += [one for part in (stable, map_, said, leaked) for one in part.findings]
    whole = len(everyone) == len(several) if programs else _whole(task, config, asked, seeds)
    played = _ids([oracle(), *others]) | {one.name.partition(" ")[2] for problem in each for one in problem.findings}
    tried = Tried(seeds, whole, quick, played, stable.repeated, stable.reordered, same)
    return Audit(
        config=name,
        title=task.title,
        seeds=seeds,
        problems=len(asked),
        isolation=sandbox.level,
        verdict=decided,
        tried=tried,
        stability=stable,
        tolerances=map_,
        promises=said,
        leaks=leaked,
        each=each,
        warnings=(*map_.warnings, *hints),
        findings=in_order(found),
        known=frozenset(map(tried.as_counted, known_findings(task_folder(task), name))),
    )


def _ids(played: Sequence[Solution]) -> frozenset[str]:
    return frozenset(solution.id for solution in played)


def _whole(task: Task, config: Config, asked: Sequence[AuditedProblem], seeds: int) -> bool:
    """Whether as many problems were tried as the default number of runs would get."""
    if seeds >= SEEDS:
        return True
    others, _ = problems(task, config, SEEDS)
    return len(others) == len(asked)


def _used(own: Sequence[Solution]) -> list[str]:
    """What solutions import."""
    return [name for name in ("numpy", "torch") if any(f"import {name}" in solution.source for solution in own)]


def _made(task: Task, asked: Sequence[AuditedProblem], reference: Result, quick: bool) -> list[Solution]:
    """Mutants of the reference, generic answers, and what is there before anything is done."""
    answers = {attempt.run: attempt.answer for attempt in reference.attempts}
    pairs = [(problem.spec, answers[problem.run]) for problem in asked if problem.run in answers]
    spec, right = pairs[0]
    if quick:
        return generic.as_exact_as_asked(pairs) + generic.starts(spec)
    source_of = reference_source_of(task)
    source = source_of(spec) if source_of else right if generic.function_in(right) else ""
    made = mutants(source)
    if right is not None:
        made += generic.answers(pairs) + generic.as_exact_as_asked(pairs)
    return made + generic.starts(spec)
