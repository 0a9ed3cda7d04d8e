"""Which mistake a failed run made: its values compared with those of every known wrong solution and mutant.

`python -m evalkit diagnose DIR` names the mistakes of a launch, writes them to `diagnosis.json` beside its results,
where reports find them, and says how different the reasons of failure are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.analysis import DOMINANT, ENOUGH_FAILURES
from evalkit.audit.evidence import Solution, fitting, solutions, task_folder
from evalkit.audit.generic import function_in
from evalkit.audit.mutants import mutants
from evalkit.audit.play import play
from evalkit.audit.values import Numbers, distance, numbers
from evalkit.config import Config
from evalkit.errors import UserError
from evalkit.keys import code_digest, run_seed
from evalkit.registry import load_task
from evalkit.run import Outcome
from evalkit.sandbox.api import Sandbox
from evalkit.store import digest, write_atomically
from evalkit.task import Spec, Task
from evalkit.text import counted, plain

if TYPE_CHECKING:
    from evalkit.results import CellRecord, RunRecord

FILE = "diagnosis.json"
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
        self._folder = Path(config.store).parent / "mistakes" / str(config.task["name"])
        self._known: dict[str, dict[str, Numbers]] = {}
        self._mistakes: list[Solution] | None = None

    async def name(self, answer: Any, spec: Spec) -> Match | None:
        """The mistake that gives these values; None where they are nobody's, or no values."""
        found, asked = await self._values(answer, spec)
        if found is None:
            return None
        known = await self.of(asked)
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
        key = digest([spec.prompt, code_digest(self.task), [mistake.source for mistake in mistakes]])[:16]
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
            source_of = getattr(self.task, "reference_source", None)
            source = source_of(spec) if source_of else _last_answer(self.task, spec)
            self._mistakes = [solution for solution in own if solution.kind == "wrong"] + mutants(source)
        return self._mistakes

    async def _all(self, mistakes: Sequence[Solution], spec: Spec) -> Any:
        timeout = self.config.limits.tool_timeout_s
        agents = [("right", self.task.oracle(spec))] + [(m.id, m.play(self.task, spec)) for m in mistakes]
        async with self.sandbox.session() as session:
            for id_, agent in agents:
                played = await play(agent, spec, session, tool_timeout_s=timeout)
                values, _ = await self._values(played.answer, spec)
                if values is not None:
                    yield id_, values

    async def _values(self, answer: Any, spec: Spec) -> tuple[Numbers | None, Spec]:
        """The numbers in an answer, or what the function that it is computes; and the problem they belong to.

        A function is compared on one problem for all runs: what it computes does not depend on the run.
        """
        compute = getattr(self.task, "values", None)
        if compute is None or not function_in(answer):
            return numbers(answer, flags=False), spec
        fixed = self.task.spec(0)
        return _thinned(numbers(await compute(answer, fixed, self.sandbox))), fixed

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


async def diagnose(cell: CellRecord, config: Config, task: Task, sandbox: Sandbox) -> dict[int, Match]:
    """Run → the mistake that it made, for failed runs of a launch whose values are those of a known mistake."""
    dictionary, found = Dictionary(task, config, sandbox), {}
    for run in cell.runs:
        submission = run.rollout.submission if run.outcome is Outcome.FAILED else None
        if submission is None or run.measurement is None or run.measurement.fault:
            continue
        match = await dictionary.name(submission.answer, task.spec(run_seed(config.runs.seed, run.number)))
        if match:
            found[run.number] = match
    return found


def reasons(runs: Sequence[RunRecord], matches: Mapping[int, Match]) -> Counter[str]:
    """Why runs failed: the mistake where it is known, else the category."""
    failed = [run for run in runs if run.outcome is Outcome.FAILED]
    return Counter(matches[r.number].mistake if r.number in matches else r.label or "?" for r in failed)


def warnings(found: Counter[str]) -> Iterator[str]:
    """One reason for nearly all failures: the task measures that alone."""
    total = found.total()
    for reason, count in found.most_common(1):
        if total >= ENOUGH_FAILURES and count >= DOMINANT * total:
            yield f"{count} of {counted(total, 'failure')} have one reason, {reason}: the task measures little else"


def main(argv: Sequence[str]) -> int:
    """The verb. Exit status 0, 2 for a directory that cannot be read."""
    from evalkit.results import load

    parser = argparse.ArgumentParser(
        prog="python -m evalkit diagnose", description="Which known mistake each failed run of a launch made."
    )
    parser.add_argument("folder", type=Path, nargs="+", help="output directory of a launch or a sweep")
    for folder in parser.parse_args(argv).folder:
        for cell in load(folder).cells:
            _diagnose_cell(cell)
    return 0


def _diagnose_cell(cell: CellRecord) -> None:
    from evalkit.saved import read_config

    config = read_config(cell.folder)
    task = load_task(config.task)
    if not solutions(task_folder(task)):
        raise UserError(f"Task {config.task['name']} has no solutions/: add known mistakes to {task_folder(task)}")
    matches = asyncio.run(_with_sandbox(cell, config, task))
    found = reasons(cell.runs, matches)
    warned = list(warnings(found))
    content = {
        "runs": {str(run): {**asdict(match), "words": match.words} for run, match in matches.items()},
        "reasons": dict(found.most_common()),
        "warnings": warned,
    }
    write_atomically(cell.folder / FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    for run in cell.runs:
        if run.number in matches:
            match = matches[run.number]
            said = f"Run {run.number}: {run.label}, {match.words}  {match.about}"
            sys.stdout.write(f"{plain(said, one_line=True)}\n")
    for reason, count in found.most_common():
        sys.stdout.write(f"{count:>5}  {plain(reason, one_line=True)}\n")
    for warning in warned:
        sys.stdout.write(f"Warning: {plain(warning, one_line=True)}\n")
    sys.stdout.write(f"{cell.folder / FILE}\n")


async def _with_sandbox(cell: CellRecord, config: Config, task: Task) -> dict[int, Match]:
    from evalkit.sandbox import open_sandbox

    async with open_sandbox(config.sandbox) as sandbox:
        await sandbox.ready()
        return await diagnose(cell, config, task, sandbox)
