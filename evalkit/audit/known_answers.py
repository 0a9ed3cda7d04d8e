"""Known answers that a task knows itself, as solutions of the problems that have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from evalkit.audit.known_table import kind_of_row
from evalkit.audit.labelled_solutions import Solution
from evalkit.task.optional_parts import known_of
from evalkit.task.protocol import Spec, Task
from evalkit.task.scripted_agents import ScriptedAgent, submitting


def task_answers(task: Task, specs: Sequence[Spec]) -> list[Solution]:
    """The answers that a task knows itself, each on those of the problems that it has one for."""
    known = known_of(task)
    if known is None:
        return []
    rows: dict[str, Mapping[str, Any]] = {}
    for spec in specs:
        for row in known(spec):
            rows.setdefault(row["name"], row)
    return [_own(task, row) for row in rows.values()]


def _own(task: Task, row: Mapping[str, Any]) -> Solution:
    return Solution(
        kind_of_row(row),
        row["name"],
        build=None if "agent" in row else partial(_answer, task, row["name"]),
        agent=partial(_agent, row["name"]) if "agent" in row else None,
        skips=partial(_skips, task, row["name"]),
        expect=row.get("expect", "any"),
        breaks=row.get("breaks", ""),
        about=row.get("about", ""),
    )


def _row(task: Task, name: str, spec: Spec) -> Mapping[str, Any] | None:
    known = known_of(task)
    rows: Iterable[Mapping[str, Any]] = known(spec) if known else ()
    return next((row for row in rows if row["name"] == name), None)


def _answer(task: Task, name: str, spec: Spec) -> Any:
    row = _row(task, name, spec)
    return None if row is None else row["answer"]


def _agent(name: str, task: Task, spec: Spec) -> ScriptedAgent:
    row = _row(task, name, spec)
    agent: ScriptedAgent = row["agent"] if row else submitting(None)
    return agent


def _skips(task: Task, name: str, spec: Spec) -> bool:
    return _row(task, name, spec) is None
