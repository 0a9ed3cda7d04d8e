"""Swept knobs: which need rollouts of their own, which only clip or grade them, and the facets that follow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from evalkit.config.schema import Config
from evalkit.engine.cells import CellResult
from evalkit.results.runs import Run
from evalkit.results.summary import Summary
from evalkit.rollout.limits import Limits
from evalkit.sampling.problem_set import first_spec
from evalkit.task.optional_parts import directions_of, needs_submission_of
from evalkit.task.protocol import Task
from evalkit.util import dotted

LIMITS = ("limits.max_tokens", "limits.max_steps", "limits.max_tokens_per_turn")
"""Budgets that the model cannot see: smaller ones are clipped out of larger ones."""


@dataclass(frozen=True)
class Entry:
    """A finished cell, as far as a landscape depends on it."""

    config: Config
    folder: Path
    overrides: Mapping[str, str]
    """The swept knobs with this cell's values."""
    index: int
    task: Task
    limits: Limits
    runs: Sequence[Run]
    summary: Summary
    asked: int
    """Runs that it was meant to have."""
    rollouts: str
    """Name of the set of rollouts, `<key>/<set>`."""
    model: str
    simulated: bool

    @classmethod
    def of(cls, result: CellResult) -> Entry:
        """From the engine."""
        cell, source = result.cell, result.source
        assert result.summary is not None
        return cls(
            config=cell.config,
            folder=cell.folder,
            overrides=dict(cell.overrides),
            index=cell.index,
            task=result.task,
            limits=result.limits,
            runs=sorted(result.runs, key=lambda run: run.number),
            summary=result.summary,
            asked=result.asked,
            rollouts=source.known.name,
            model=source.model.id,
            simulated=source.model.simulated,
        )


class Kind(StrEnum):
    """What turning a knob takes."""

    LIMIT = "limit"  # clipping: free
    TOLERANCE = "tolerance"  # grading again, monotone: free
    JUDGED = "judged"  # grading again, in no particular order: free
    SAMPLED = "sampled"  # rollouts of its own
    REPORTED = "reported"  # nothing: it changes what is said about the same runs


@dataclass(frozen=True)
class Knob:
    """A swept knob."""

    name: str
    kind: Kind

    @property
    def nested(self) -> bool:
        """Whether its values lie on an axis: opening it wider never turns a pass into a failure."""
        return self.kind in (Kind.LIMIT, Kind.TOLERANCE)


def swept(results: Sequence[Entry]) -> list[Knob]:
    """The knobs that differ between the cells, in the order of the command line."""
    names = list(dict.fromkeys(name for result in results for name in result.overrides))
    knobs = [Knob(name, _kind(name, results)) for name in names]
    if any(knob.kind is Kind.LIMIT for knob in knobs) and _sampled_apart(results, knobs):
        knobs = [Knob(knob.name, Kind.SAMPLED if knob.kind is Kind.LIMIT else knob.kind) for knob in knobs]
    if any(knob.kind is Kind.LIMIT for knob in knobs) and any(map(graded_as_they_stand, results)):
        knobs = [Knob(knob.name, Kind.JUDGED if knob.kind is Kind.LIMIT else knob.kind) for knob in knobs]
    return knobs


def graded_as_they_stand(result: Entry) -> bool:
    """Whether runs are graded by the files that they leave, whatever ends them.

    A larger limit can then turn a pass into a failure: what holds at one limit says nothing about the next.
    """
    leaves_files = any(run.rollout.patterns for run in result.runs)
    return leaves_files and not needs_submission_of(first_spec(result.config, result.task))


def label(result: Entry, knob: str) -> str:
    """The value of a swept knob as the command line writes it."""
    return result.overrides.get(knob, "")


def place(config: Config, knob: str) -> float:
    """The value of a numeric knob. No limit is infinite."""
    value = dotted.get(config, knob)
    return math.inf if value is None else float(value)


def tolerance_knobs(node: Mapping[str, Any], task: Task) -> list[str]:
    """Every tolerance of a `task` node that is a number: those of `tolerances`, if only `grade` reads it, and those of
    which the task declares the direction."""
    found = node.get("tolerances") if "tolerances" in task.graded_by else None
    names = [name for name, _ in dotted.numbers(found, "task.tolerances")]
    return names + [f"task.{knob}" for knob in directions_of(task) if f"task.{knob}" not in names]


def _kind(name: str, results: Sequence[Entry]) -> Kind:
    values = [dotted.get(result.config, name) for result in results]
    numeric = all(dotted.is_number(value) for value in values if value is not None)
    if name in LIMITS:
        return Kind.LIMIT
    head, _, rest = name.partition(".")
    first = dotted.first(rest)
    if head == "task" and rest and all(first in result.task.graded_by for result in results):
        loosens = first == "tolerances" or all(rest in directions_of(result.task) for result in results)
        return Kind.TOLERANCE if loosens and numeric else Kind.JUDGED
    unseen = {
        "band",
        "sweep",
        "runs.count",
        "runs.batches",
        "runs.concurrency",
        "runs.until",
        "runs.max",
        "verbose",
        "confirm",
    }
    return Kind.REPORTED if head in unseen or name in unseen else Kind.SAMPLED


def _sampled_apart(results: Sequence[Entry], knobs: Sequence[Knob]) -> bool:
    """Whether cells that differ in limits only have different rollouts: their model's budget could not be clipped."""
    others = [knob.name for knob in knobs if not knob.nested]
    sets: dict[tuple[str, ...], set[str]] = {}
    for result in results:
        sets.setdefault(tuple(label(result, name) for name in others), set()).add(result.rollouts)
    return any(len(names) > 1 for names in sets.values())


def limit_value(limits: Limits, knob: str) -> float:
    """A budget as a number. No limit is infinite."""
    value = getattr(limits, knob.removeprefix("limits."))
    return math.inf if value is None else float(value)
