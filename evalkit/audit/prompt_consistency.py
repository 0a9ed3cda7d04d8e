"""The prompt against the grader: what is enforced must be said, and what is said must be enforced.

Derived from the spec object and the rendered text; no model's opinion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.audit.findings import Finding
from evalkit.audit.grader_runs import GraderRuns
from evalkit.audit.scripted_runs import play
from evalkit.audit.values import difference
from evalkit.audit.verdict import GraderVerdict
from evalkit.config.schema import Config
from evalkit.config.search_path import folders
from evalkit.sampling.problem_set import problem_set
from evalkit.task import author_code
from evalkit.task.attempt import Attempt
from evalkit.task.author_faults import blamed
from evalkit.task.optional_parts import files_of, rules_of, system_of
from evalkit.task.problem import Problem
from evalkit.task.protocol import Spec
from evalkit.task.registry import load_task
from evalkit.util import dotted
from evalkit.util.errors import TaskError, UserError
from evalkit.util.yaml_files import read_yaml


@dataclass(frozen=True)
class Promises:
    """What was compared, and what is wrong."""

    rules: Mapping[str, tuple[str, ...]]
    """Rule → the wrong solutions that break only it and are rejected."""
    stated: int
    """Keys, shapes, rules and values that were looked for in the prompt."""
    knobs: tuple[str, ...]
    """Knobs that were turned to see whether the prompt changes with the right answer."""
    findings: tuple[Finding, ...]


async def check_prompt(exam: GraderRuns, verdict: GraderVerdict) -> Promises:
    """Compare prompt, spec and evidence."""
    spec = exam.problems[0].spec
    rules = rules_of(spec)
    wanted = list(_wanted(spec, rules))
    found = [Finding("unstated", name, said) for name, fine, said in wanted if not fine]
    if not rules:
        found.append(Finding("nothing-to-check", "rules", "the spec has no `rules`, so its prompt cannot be checked"))
    broken = _broken(rules, verdict)
    found += _unexercised(broken, verdict)
    right = next((one.result.attempts[0].answer for one in verdict.right if one.solution.name == "oracle"), None)
    turned, silent = await _silent_knobs(exam, right)
    return Promises(broken[0], len(wanted), turned, tuple(found + silent))


Wanted = tuple[str, bool, str]
"""What is enforced, whether the prompt says it, and what is missing."""


def _wanted(spec: Spec, rules: Mapping[str, str]) -> Iterator[Wanted]:
    prompt = _spaced(spec.prompt)
    for name, words in rules.items():
        yield name, bool(words.strip()) and _spaced(words) in prompt, f"the prompt does not say {words.strip()[:120]!r}"
    yield from _form(spec)


def _form(spec: Spec) -> Iterator[Wanted]:
    """Keys of the answer and their shapes, from its schema."""
    for key, schema in spec.answer_schema.get("properties", {}).items():
        lines = [line for line in spec.prompt.splitlines() if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", line)]
        yield f"key {key}", bool(lines), f"the answer must have the key {key}, and the prompt does not name it"
        shape = _shape(schema)
        if shape and lines:
            forms = (sep.join(map(str, shape)) for sep in ("x", "×", ", ", " by ", " x ", " × "))
            said = any(re.search(rf"(?<!\d){re.escape(form)}(?!\d)", line) for form in forms for line in lines)
            text = "x".join(map(str, shape))
            yield f"shape of {key}", said, f"{key} must be {text}, and no line of the prompt that names it says so"


def _shape(schema: Mapping[str, Any]) -> list[int]:
    """Lengths of nested arrays of fixed size."""
    shape = []
    while schema.get("type") == "array" and schema.get("minItems") == schema.get("maxItems"):
        if schema.get("minItems") is None:
            break
        shape.append(int(schema["minItems"]))
        schema = schema.get("items") or {}
    return shape


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _broken(
    rules: Mapping[str, str], verdict: GraderVerdict
) -> tuple[dict[str, tuple[str, ...]], dict[str, list[str]]]:
    """Rule → rejected breakers; rule → accepted breakers."""
    rejected: dict[str, list[str]] = {name: [] for name in rules}
    accepted: dict[str, list[str]] = {name: [] for name in rules}
    for graded in verdict.wrong:
        rule = graded.solution.breaks
        if rule in rules and graded.solution.kind in ("wrong", "exploits"):
            (rejected if graded.fair else accepted)[rule].append(graded.solution.id)
    return {name: tuple(ids) for name, ids in rejected.items()}, accepted


def _unexercised(
    broken: tuple[Mapping[str, tuple[str, ...]], Mapping[str, Sequence[str]]], verdict: GraderVerdict
) -> Iterator[Finding]:
    rejected, accepted = broken
    by_id = {graded.solution.id: graded for graded in verdict.wrong}
    everything = {graded.solution.id: graded.solution for graded in (*verdict.wrong, *verdict.equivalent)}
    for rule, by in rejected.items():
        if by:
            continue
        if accepted[rule]:
            listed = ", ".join(accepted[rule])
            whole = all(by_id[id_].accepted == len(by_id[id_].counted) for id_ in accepted[rule])
            said = "everything that breaks it passes" if whole else "what breaks it passes on some problems"
            yield Finding("unenforced", rule, f"{said}: {listed}")
        else:
            near = [one.id for one in everything.values() if one.breaks == rule]
            why = f": under these settings {', '.join(near)} make no difference" if near else ""
            yield Finding("unexercised", rule, f"no solution of wrong/ breaks it{why}")


async def _silent_knobs(exam: GraderRuns, right: Any) -> tuple[tuple[str, ...], list[Finding]]:
    """Turn every knob that `grade` does not read: where the right answer, now `right`, changes, the prompt must."""
    turned, found = [], []
    problem = exam.problems[0]
    asked = problem_set(exam.config, exam.task).problem(problem.run)
    for knob, value in turns(exam.config, exam.task.graded_by):
        node = dotted.replaced(exam.config.task, knob, value)
        try:
            other = load_task(node)
            spec = author_code.spec_for(other, asked)
            shown = [spec.prompt, system_of(spec), spec.answer_schema, files_of(spec)]
        except (UserError, TaskError):  # a value that the task does not take
            continue
        turned.append(knob)
        own = problem.spec
        if shown != [own.prompt, system_of(own), own.answer_schema, files_of(own)]:
            continue
        try:
            answered = await _right_answer(exam, other, spec, asked)
        except TaskError as error:
            found.append(Finding("grader-exception", f"task.{knob}", f"at task.{knob}={value}: {error}"))
            continue
        if difference(answered.answer, value) == difference(right, dotted.get(exam.config.task, knob)) == 0.0:
            continue  # the knob is the right answer, and not a part of the question
        attempt = await exam.grade(problem, answered)
        if not attempt.passed:
            what = f"task.{knob}={value} changes the right answer and not the prompt"
            found.append(Finding("unstated", f"task.{knob}", what))
    return tuple(dict.fromkeys(turned)), found


async def _right_answer(exam: GraderRuns, task: Any, spec: Spec, problem: Problem) -> Attempt:
    async with exam.sandbox.session(files=files_of(spec)) as session:
        timeout = exam.config.limits.tool_timeout_s
        with blamed("the task's oracle"):
            agent = task.oracle(spec)
        played = await play(agent, spec, session, tool_timeout_s=timeout, sandbox=exam.sandbox, problem=problem)
        return played.attempt


def turns(config: Config, graded_by: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Every other value that is worth trying for every knob; those that the task refuses are skipped later."""
    shipped = _shipped_values(str(config.task["name"]))
    for knob, value in dotted.leaves(config.task):
        if knob == "name" or dotted.first(knob) in graded_by:
            continue
        others: list[Any] = [other for other in shipped.get(knob, ()) if other != value]
        if isinstance(value, bool):
            others.append(not value)
        elif isinstance(value, int):
            others += [value + 1, value * 2]
        elif isinstance(value, float):
            others += [value * 2, value / 2]
        yield from ((knob, other) for other in others)


def _shipped_values(name: str) -> dict[str, list[Any]]:
    """Knob → its values in all configs of the same plugin."""
    found: dict[str, list[Any]] = {}
    for folder in folders("conf"):
        for path in sorted((folder / "task").glob("*.yaml")):
            node = _task_node(path)
            if node.get("name", name) == name and path.stem.startswith(name):
                for knob, value in dotted.leaves(node):
                    found.setdefault(knob, []).append(value)
    return found


def _task_node(path: Path) -> Mapping[str, Any]:
    """The `task` node of a config; empty for a file of another form, which its own launch answers."""
    try:
        config = read_yaml(path)
    except (OSError, ValueError):
        return {}
    node = config.get("task") if isinstance(config, Mapping) else None
    return node if isinstance(node, Mapping) else {}
