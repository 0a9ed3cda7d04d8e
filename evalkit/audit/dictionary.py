"""The known mistakes of a task, and the values that each of them gives: what a wrong answer is looked up in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.audit.generic import function_in
from evalkit.audit.labelled_solutions import Solution, fitting, solutions, task_folder
from evalkit.audit.mutants import mutants
from evalkit.audit.scripted_runs import play
from evalkit.audit.values import Numbers, distance, numbers
from evalkit.config.schema import Config
from evalkit.sampling.keys import TaskFiles, grader_digest
from evalkit.sampling.store import digest
from evalkit.sandbox.protocol import Sandbox
from evalkit.task import author_code
from evalkit.task.author_faults import blamed
from evalkit.task.optional_parts import files_of, problems_of, reference_source_of, values_of
from evalkit.task.problem import Problem
from evalkit.task.protocol import Spec, Task
from evalkit.util.files import write_atomically

NEAR = 0.01
"""Values farther than this from every known mistake are a mistake of their own."""
NEARER = 0.2
"""A mistake is named only if the right answer is at least five times as far away."""
MOST_NUMBERS = 1000
"""Of a function's values that are kept; they are taken evenly from all of them."""


@dataclass(frozen=True)
class Match:
    """The known mistake that a submission agrees with."""

    mistake: str
    """`wrong/mask_on_the_other_side`."""
    distance: float
    """Largest difference of any value."""
    about: str = ""

    @property
    def words(self) -> str:
        """matches `mask_on_the_other_side` to 1e-07"""
        return f"matches `{self.mistake.partition('/')[2]}` to {max(self.distance, 1e-16):.0e}"


class Dictionary:
    """The known mistakes of a task, and the values that each gives."""

    def __init__(self, task: Task, config: Config, sandbox: Sandbox) -> None:
        self.task, self.config, self.sandbox = task, config, sandbox
        self._files = TaskFiles()
        self._folder = Path(config.store).parent / "mistakes" / str(config.task["name"])
        self._known: dict[str, dict[str, Numbers]] = {}
        self._mistakes: list[Solution] | None = None

    async def name(self, answer: Any, spec: Spec) -> Match | None:
        """The mistake that gives these values; None where they are nobody's, or no values."""
        found = await self._values(answer, spec)
        if found is None:
            return None
        known = await self.of(self.problem(answer, spec))
        right = distance(found, known.get("right"))
        by_distance = sorted(
            (distance(found, values), not mistake.startswith("wrong/"), mistake)
            for mistake, values in known.items()
            if mistake != "right"
        )
        if not by_distance or by_distance[0][0] > min(NEAR, NEARER * right):
            return None
        nearest = by_distance[0][0]
        apart, _, mistake = min(by_distance, key=lambda row: (row[0] > 2 * nearest + 1e-6, row[1], row[2]))
        return Match(mistake, apart, self._about(mistake))

    async def of(self, spec: Spec) -> Mapping[str, Numbers]:
        """Mistake → its values on the problem, and those of the `right` answer; kept on disk."""
        mistakes = self.mistakes(spec)
        key = digest([spec.prompt, grader_digest(self.config, self.task), [mistake.content for mistake in mistakes]])[
            :16
        ]
        if key not in self._known:
            path = self._folder / f"{key}.json"
            try:
                self._known[key] = json.loads(path.read_text(encoding="utf-8"))
            except (FileNotFoundError, ValueError):
                self._known[key] = {id_: values async for id_, values in self._all(mistakes, spec)}
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, json.dumps(self._known[key]) + "\n")
        return self._known[key]

    def mistakes(self, spec: Spec) -> list[Solution]:
        """Wrong solutions under these settings, and mutants of the reference."""
        if self._mistakes is None:
            own = fitting(solutions(task_folder(self.task)), self.config.task)
            source_of = reference_source_of(self.task)
            source = source_of(spec) if source_of else _last_answer(self.task, spec)
            self._mistakes = [solution for solution in own if solution.kind == "wrong"] + mutants(source)
        return self._mistakes

    async def _all(self, mistakes: Sequence[Solution], spec: Spec) -> Any:
        timeout = self.config.limits.tool_timeout_s
        with blamed("the task's oracle, or its solution"):
            agents = [("right", self.task.oracle(spec))] + [
                (m.id, m.play(self.task, spec)) for m in mistakes if m.fits(spec)
            ]
        for id_, agent in agents:
            async with self.sandbox.session(files=files_of(spec)) as session:
                played = await play(agent, spec, session, tool_timeout_s=timeout, sandbox=self.sandbox)
            values = await self._values(played.answer, spec)
            if values is not None:
                yield id_, values

    def problem(self, answer: Any, spec: Spec) -> Spec:
        """The problem on which an answer is compared: one for all functions, for they compute the same in every run."""
        return author_code.spec_for(self.task, Problem.seeded(0)) if self._computes(answer) else spec

    def _computes(self, answer: Any) -> bool:
        if problems_of(self.task) is not None:  # a function for each problem: no inputs fit all of them
            return False
        return values_of(self.task) is not None and bool(function_in(answer))

    async def _values(self, answer: Any, spec: Spec) -> Numbers | None:
        """The numbers in an answer, or what the function that it is computes."""
        if not self._computes(answer):
            return numbers(answer, flags=False)
        limit_s = author_code.limit_of(self.config)
        computed = await author_code.values(
            self.task, answer, self.problem(answer, spec), self.sandbox, limit_s=limit_s
        )
        return _thinned(numbers(computed))

    def _about(self, mistake: str) -> str:
        return next((one.about for one in self._mistakes or () if one.id == mistake), "")


def _last_answer(task: Task, spec: Spec) -> str:
    """The source that the oracle submits; empty if it submits no source."""
    calls = [call for turn in task.oracle(spec).turns for call in turn.calls if call["name"] == "submit_answer"]
    answer = calls[-1]["input"].get("answer") if calls else None
    return str(answer) if function_in(answer) else ""


def _thinned(values: Numbers | None) -> Numbers | None:
    if values is None or len(values) <= MOST_NUMBERS:
        return values
    step = len(values) // MOST_NUMBERS + 1
    return {place: values[place] for place in list(values)[::step]}
