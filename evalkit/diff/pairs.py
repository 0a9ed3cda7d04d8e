"""Which runs of two launches belong together: those that rest on one conversation, else those with one problem."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from evalkit.diff.problems import CommonProblems, common_problems
from evalkit.results.reading import CellRecord, RunRecord
from evalkit.util import bounded_json, dotted

PairedBy = Literal["rollout", "problem"]


@dataclass(frozen=True)
class Pairing:
    """How runs are compared."""

    by: PairedBy | None = None
    """None: as two independent samples."""
    numbers: tuple[int, ...] = ()
    """Runs of the second side that have a partner: the run with the same identity on the first."""
    problems: int = 0
    """Different problems that the runs of both sides have, as far as it was asked; 1 where all runs have the same."""
    common: CommonProblems | None = None
    """Of two launches over sets: the problems that both have; None for any other two."""

    @property
    def shared(self) -> int:
        """Runs that rest on the same conversation on both sides."""
        return len(self.numbers) if self.by == "rollout" else 0


def identity(run: RunRecord) -> int | tuple[str, int | None]:
    """What makes a run of one side the counterpart of one of the other: its number; of a set, the problem and the try.

    The number of a run of a set tells where its row stood in the file, which may have moved.
    """
    return run.number if run.problem is None else (run.problem, run.attempt)


def pair(old: CellRecord, new: CellRecord) -> Pairing:
    """By conversation where any is shared; by problem where run by run both sides have the same one; else not at all.

    With one problem for all runs there is nothing to pair by: any order of the runs would do as well.
    """
    if old.summary.set and new.summary.set:
        return _pair_sets(old, new)
    if shared := shared_runs(old, new):
        return Pairing("rollout", tuple(shared))
    theirs = {run.number: run for run in new.runs if run.passed is not None}
    both = [(run, theirs[run.number]) for run in old.runs if run.passed is not None and run.number in theirs]
    problems = [(_problem(one.path), _problem(other.path)) for one, other in both]
    different = len({problem for pair in problems for problem in pair})
    if different > 1 and all(one and one == other for one, other in problems):
        return Pairing("problem", tuple(run.number for run, _ in both), different)
    return Pairing(problems=different)


def _pair_sets(old: CellRecord, new: CellRecord) -> Pairing:
    """Tries in pairs where they are the same conversations about one question; problems in pairs in any case."""
    both = (old.config, new.config)
    one_seed = all(both) and len({dotted.get(config, "runs.seed") for config in both}) == 1
    named = all(config and dotted.get(config, "problems.file") for config in both)
    same_source = old.task == new.task and (one_seed or named)
    common = common_problems(_questions(old), _questions(new), same_source=same_source)
    asked_alike = frozenset(() if common.reworded else common.same)
    shared = shared_runs(old, new, asked_alike)
    by: PairedBy | None = "rollout" if shared else "problem" if common.same else None
    return Pairing(by, tuple(shared), len(common.same), common)


def _questions(cell: CellRecord) -> dict[str, str]:
    """Problem → its question, as its first run was asked."""
    found: dict[str, str] = {}
    for run in cell.runs:
        if run.problem is not None and not found.get(run.problem):
            found[run.problem] = _problem(run.path)
    return found


def shared_runs(old: CellRecord, new: CellRecord, problems: Collection[str] | None = None) -> list[int]:
    """Runs of `new` that rest on the same conversation as one of `old`: one rollout key, one first response.

    The key alone does not say it, because two machines can sample under one key; the response carries the
    provider's id. One conversation may be cut earlier than the other. `problems`: of a set, those that both ask.
    """
    if old.rollout_set.partition("/")[0] != new.rollout_set.partition("/")[0]:
        return []
    before = {identity(run): run for run in old.runs if problems is None or run.problem in problems}
    pairs = [(before[identity(run)], run) for run in new.runs if identity(run) in before]
    return [run.number for other, run in pairs if _same_start(other.path, run.path)]


def _same_start(one: Path, other: Path) -> bool:
    first = _first_response(one)
    return first is not None and first == _first_response(other)


def _first_response(path: Path) -> Any:
    return next((line.get("response") for line in _lines(path, 1, 2)), None)


def _problem(path: Path) -> str:
    """What a run was asked, and the files that it was given; empty where its file does not say."""
    for line in _lines(path, 0, 1):
        if line.get("prompt"):
            return repr((line["prompt"], sorted((line.get("files") or {}).items())))
    return ""


def _lines(path: Path, start: int, end: int) -> Sequence[Any]:
    """Lines of a rollout file, none if there are none. The file as a whole is checked when it is shown."""
    try:
        with path.open(encoding="utf-8", errors="surrogatepass") as file:
            return [bounded_json.loads(line) for line in islice(file, start, end)]
    except (OSError, ValueError):
        return []
