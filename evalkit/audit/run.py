"""One audit from start to end: run everything, then collect the findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evalkit.audit import generic, leaks, prompt_consistency, stability, tolerances, verdict
from evalkit.audit.behaviour import distinct
from evalkit.audit.each_problem import SHARED, ProblemAudit, audit_each, has_programs
from evalkit.audit.equivalence import same_functions
from evalkit.audit.findings import Finding, in_order, known_findings
from evalkit.audit.generic import function_in
from evalkit.audit.grader_runs import AuditedProblem, GradedAttempt, GraderRuns, Result, problems
from evalkit.audit.known import Tried
from evalkit.audit.known_answers import task_answers
from evalkit.audit.labelled_solutions import Solution, check_labels, fitting, oracle, solutions, task_folder
from evalkit.audit.mutants import mutants as mutants_of
from evalkit.audit.plan import Plan
from evalkit.audit.scale import advice
from evalkit.config.schema import Config
from evalkit.sampling.problem_set import problem_set
from evalkit.sampling.resources import Resources
from evalkit.task.optional_parts import play_of, reference_source_of, rules_of
from evalkit.task.protocol import Spec, Task
from evalkit.task.registry import check_specs, load_task

SEEDS = 50


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What was looked at beside the verdicts."""

    stability: stability.GradeStability
    tolerances: tolerances.ToleranceMap
    promises: prompt_consistency.Promises
    leaks: leaks.Leaks
    warnings: tuple[str, ...]
    each: tuple[ProblemAudit, ...] = ()
    """The problems of a set whose problems have a program each, one by one."""

    @property
    def beside(self) -> Iterator[Finding]:
        """Findings of all parts."""
        yield from (finding for problem in self.each for finding in problem.findings)
        for found in (self.stability.findings, self.tolerances.findings, self.promises.findings, self.leaks.findings):
            yield from found


@dataclass(frozen=True, kw_only=True)
class Audit(Checks):
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
    plan: Plan
    findings: tuple[Finding, ...] = ()
    known: frozenset[str] = field(default_factory=frozenset)
    """Names of findings that the task's author knows of."""
    measured: int = 0
    """How often `measure` was called for the solutions."""

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
    mutants: bool = True,
    tell: Callable[[str], None] = print,
) -> Audit:
    """Audit the task of one config. `name`: what reports call it. `UserError` for a task that cannot be built.

    `resources` keeps the sandbox open, for the next audit too.
    `seeds`: problems, by default `SEEDS`; each one of a set whose problems have a program each.
    `thorough`: grade everything on every problem as a run would. `quick`: leave out mutants and generic answers.
    `mutants`: whether mutants are made. `tell`: is told what may cost money, before it does.
    """
    task = load_task(config.task)
    listed, plan = known_findings(task_folder(task), name), Plan.of(task, quick=quick, mutants=mutants)
    asked = _asked(task, config, seeds)
    own = fitting(solutions(task_folder(task)), config.task)
    own += task_answers(task, [one.spec for one in asked.shared])
    check_labels(own, task, rules_of(asked.shared[0].spec))
    sandbox = await resources.sandbox(config, asked.shared[0].spec, also=_used(own))
    await sandbox.ready()
    exam = GraderRuns(task, config, sandbox, asked.shared, thorough=thorough)
    if announced := plan.announcement(exam, name, own):
        tell(announced)
    played = await _play(exam, own, plan, programs=asked.programs)
    checked = await _check(exam, asked, played, plan)
    tried = _tried(asked, played, checked, plan)
    return Audit(
        **vars(checked),
        config=name,
        title=task.title,
        seeds=asked.seeds,
        problems=len(asked.shared),
        isolation=sandbox.level,
        verdict=played.verdict,
        tried=tried,
        plan=plan,
        findings=in_order([*asked.faults, *verdict.findings(played.verdict, task), *checked.beside]),
        known=frozenset(map(tried.as_counted, listed)),
        measured=exam.measured,
    )


@dataclass(frozen=True)
class _Asked:
    """The problems of an audit."""

    all: Sequence[AuditedProblem]
    shared: Sequence[AuditedProblem]
    """Those that every solution plays."""
    faults: Sequence[Finding]
    programs: bool
    """Whether each has a reference program of its own."""
    seeds: int
    whole: bool
    """Whether they are all that the default number of runs would get."""


def _asked(task: Task, config: Config, seeds: int | None) -> _Asked:
    """Draw them. Raises `UserError` where the first is not what everybody counts on."""
    several = problem_set(config, task)
    check_specs(task, several.problem(several.first), disk_mb=config.sandbox.disk_mb, audit=True)
    if has_programs(task):
        everyone, faults = problems(task, config, seeds or len(several))
        shared = everyone[:SHARED]
        return _Asked(everyone, shared, faults, True, len(shared), len(everyone) == len(several))
    count = seeds or SEEDS
    everyone, faults = problems(task, config, count)
    whole = count >= SEEDS or len(problems(task, config, SEEDS)[0]) == len(everyone)
    return _Asked(everyone, everyone, faults, False, count, whole)


@dataclass(frozen=True)
class _Played:
    """What every solution came to."""

    reference: Result
    verdict: verdict.GraderVerdict
    ids: frozenset[str]
    same: Mapping[str, tuple[str, ...]]
    """Id → ids of made solutions that do the same as it, and are not counted."""


async def _play(exam: GraderRuns, own: Sequence[Solution], plan: Plan, *, programs: bool) -> _Played:
    """Play the reference, then what is written and what is made of it."""
    reference = await exam.sit(oracle())
    others = [*own, *_made(exam.task, exam.problems, reference, plan, programs)]
    results, same = distinct([reference, *await exam.sit_all(others)])
    equivalent = await same_functions(exam, results, reference)
    decided = verdict.decide(results, reference, exam.problems, equivalent, plan.kind)
    return _Played(reference, decided, frozenset(one.id for one in (oracle(), *others)), same)


async def _check(exam: GraderRuns, asked: _Asked, played: _Played, plan: Plan) -> Checks:
    """Everything beside the verdicts."""
    decided, node = played.verdict, exam.config.task
    graded = [one.result for one in (*decided.right, *decided.wrong)]
    told = decided.labelled if plan.kind == "score" else decided
    map_ = tolerances.map_tolerances(exam.task, node, told, asked.shared)
    return Checks(
        stability=await stability.check_stability(exam, graded, map_, quick=plan.quick or plan.kind == "rubric"),
        tolerances=map_,
        promises=await prompt_consistency.check_prompt(exam, decided),
        leaks=await leaks.find_leaks(exam, played.reference),
        warnings=(*map_.warnings, *await advice(exam, map_, told)),
        each=await audit_each(exam, asked.all, plan) if asked.programs and plan.makes_answers else (),
    )


def _tried(asked: _Asked, played: _Played, checked: Checks, plan: Plan) -> Tried:
    """What was looked for."""
    ids = played.ids | {one.name.partition(" ")[2] for problem in checked.each for one in problem.findings}
    stable = checked.stability
    return Tried(
        asked.seeds, asked.whole, plan.quick, plan.mutants, ids, stable.repeated, stable.reordered, played.same
    )


def _used(own: Sequence[Solution]) -> list[str]:
    """What solutions import."""
    return [name for name in ("numpy", "torch") if any(f"import {name}" in solution.source for solution in own)]


def _made(task: Task, asked: Sequence[AuditedProblem], reference: Result, plan: Plan, programs: bool) -> list[Solution]:
    """Mutants of the reference, generic answers, and what is there before anything is done."""
    answers = {attempt.run: attempt.answer for attempt in reference.attempts}
    pairs = [(problem.spec, answers[problem.run]) for problem in asked if problem.run in answers]
    spec, right = pairs[0]
    if programs or not plan.makes_answers:
        return generic.as_exact_as_asked(pairs) + generic.starts(spec)
    source_of = reference_source_of(task)
    source = source_of(spec) if source_of else _submitted_source(spec, reference.attempts[0])
    made = mutants_of(source) if plan.makes_mutants else []
    if right is not None:
        made += generic.answers(pairs) + generic.as_exact_as_asked(pairs)
    return made + generic.starts(spec)


def _submitted_source(spec: Spec, right: GradedAttempt) -> str:
    """The source that the reference submits, or writes to the file that is played; empty if neither is one."""
    file = play_of(spec).removeprefix("write:")
    written = right.files.get(file, b"").decode("utf-8", "replace")
    return next((source for source in (right.answer, written) if function_in(source)), "")
