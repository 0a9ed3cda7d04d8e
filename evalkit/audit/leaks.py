"""Leak checks: whether hidden values show in the prompt, in tool definitions and replies, or in the workspace.

And whether what tools say leaks from one rollout into the next.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from evalkit.audit.findings import Finding
from evalkit.audit.grader_runs import AuditedProblem, GradedAttempt, GraderRuns, Result
from evalkit.audit.hidden_values import Hidden
from evalkit.sampling.agent import mismatch
from evalkit.sampling.seeds import run_seed
from evalkit.task import author_code
from evalkit.task.grade import preview
from evalkit.task.optional_parts import definition, files_of, shown_schema_of, system_of
from evalkit.task.tools import OWN, Tool
from evalkit.task.tools.workbench import Workbench
from evalkit.util.errors import TaskError
from evalkit.util.text import without_addresses

LOOK_AROUND = """
import os, sys
for folder, _, names in os.walk("."):
    for name in names:
        path = os.path.join(folder, name)
        print(path, open(path, errors="replace").read()[:20000])
print(sorted(os.environ.items()), sorted(globals()), sys.argv, os.getcwd())
"""
"""What a curious model would print first."""


@dataclass(frozen=True)
class Leaks:
    """What was searched, and what was found."""

    hidden: int
    """Values that must not be seen."""
    places: tuple[str, ...]
    """Where they were looked for."""
    findings: tuple[Finding, ...]


async def find_leaks(exam: GraderRuns, reference: Result) -> Leaks:
    """Look everywhere that a model can look. `reference`: what the oracle submitted to every problem.

    Every problem's prompt is read, and everything else of the first one.
    """
    problem = exam.problems[0]
    right = {attempt.run: attempt for attempt in reference.attempts}
    hidden = _hidden(problem, right.get(problem.run))
    found: list[Finding] = []
    texts: dict[str, str] = {}
    for other in exam.problems[1:]:
        if seen := _hidden(other, right.get(other.run)).seen_in(other.spec.prompt, "prompt"):
            found.append(Finding("leak", "prompt", f"that of run {other.run} shows {seen!r}"))
    async for place, text in _texts(exam, problem, found):
        texts[place] = text
        if seen := hidden.seen_in(text, place):
            found.append(Finding("leak", place, f"shows {seen!r}, which only the grader should know"))
    found += [finding async for finding in _changing(exam, problem, texts)]
    return Leaks(hidden.count, tuple(texts), tuple(found))


def _hidden(problem: AuditedProblem, right: GradedAttempt | None) -> Hidden:
    return Hidden.of(problem.spec, right.answer if right else None, right.files if right else {})


async def _texts(exam: GraderRuns, problem: AuditedProblem, faults: list[Finding]) -> AsyncIterator[tuple[str, str]]:
    """Everything a model can read without solving anything, by place. Tools that raise are added to `faults`."""
    spec = problem.spec
    yield "prompt", spec.prompt
    yield "system prompt", system_of(spec)
    yield "tool definitions", json.dumps([definition(tool) for tool in spec.tools], ensure_ascii=False)
    files = files_of(spec)
    for name, content in files.items():
        yield f"file {name}", content.decode("utf-8", "replace")
    async for place, text in _replies(exam, problem, faults):
        yield place, text


async def _replies(exam: GraderRuns, problem: AuditedProblem, faults: list[Finding]) -> AsyncIterator[tuple[str, str]]:
    """What lies in the workspace, and what tools say in one rollout."""
    spec, timeout_s = problem.spec, exam.config.limits.tool_timeout_s
    seed = run_seed(exam.config.runs.seed, problem.run)
    async with exam.sandbox.session(seed=seed, files=files_of(spec)) as session:
        output = await session.run(LOOK_AROUND, timeout_s=timeout_s)
        yield "workspace", output.stdout + (output.error or "")
        async with aclosing(Workbench(session, timeout_s, exam.sandbox, problem.problem)) as bench:
            for tool in spec.tools:
                for number, given in enumerate(_inputs(tool), 1):
                    place = f"reply of {tool.name} ({number})"
                    try:
                        yield place, await _reply(tool, given, bench)
                    except TaskError as error:
                        faults.append(Finding("grader-exception", place, str(error)))


async def _changing(exam: GraderRuns, problem: AuditedProblem, before: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Tools of the author's own that say something else in a second rollout: a resumed one could not go on from them.

    `before`: place → what was said in the first.
    """
    own = {tool.name for tool in problem.spec.tools if type(tool) not in OWN}
    if not own:
        return
    try:
        again = replace(problem, spec=author_code.spec_for(exam.task, problem.problem))
    except TaskError as error:
        yield Finding("grader-exception", f"spec of run {problem.run}", f"the second time: {error}")
        return
    async for place, text in _replies(exam, again, []):
        name = place.removeprefix("reply of ").rpartition(" (")[0]
        if (
            name in own
            and place in before
            and (one := without_addresses(before[place])) != (other := without_addresses(text))
        ):
            own.discard(name)
            said = f"the same calls in another rollout say {preview(other)}, not {preview(one)}"
            yield Finding("changing-reply", f"tool {name}", f"{said}: keep what it remembers in context.state")


async def _reply(tool: Tool, given: Mapping[str, Any], bench: Workbench) -> str:
    """What the model would read."""
    if wrong := mismatch(given, tool.input_schema):
        return wrong
    return (await author_code.call_tool(tool, given, bench)).content


def _inputs(tool: Tool) -> Sequence[dict[str, Any]]:
    """Calls that solve nothing: the smallest input that fits, wrong ones, and a look around."""
    properties: Mapping[str, Any] = tool.input_schema.get("properties", {})
    smallest = {name: _smallest(schema) for name, schema in properties.items()}
    shown: Mapping[str, Any] = shown_schema_of(tool).get("properties", {})
    fitting = {name: _smallest(schema) for name, schema in shown.items()}
    text = dict.fromkeys(properties, "help")
    return [
        given for number, given in enumerate((smallest, fitting, text)) if given not in (smallest, fitting)[:number]
    ]


def _smallest(schema: Mapping[str, Any]) -> Any:
    """The least that fits a JSON Schema, as far as types go."""
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {name: _smallest(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_smallest(schema.get("items", {}))] * int(schema.get("minItems", 0))
    return {"string": "", "number": 0, "integer": 0, "boolean": False}.get(str(kind), 0)
