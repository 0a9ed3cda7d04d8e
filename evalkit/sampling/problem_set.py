"""Problem set: the problems of a launch, and which run is which try at which problem.

A run's number is `index · TRIES + try`, with the problem's place in its file as index and tries from 1. So it stays the
same however many problems and tries are added, and a task with one problem counts its tries 1, 2, 3 …
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.config.schema import Config, ProblemsConfig
from evalkit.config.search_path import find_data
from evalkit.sampling.seeds import run_seed
from evalkit.task import author_code
from evalkit.task.optional_parts import problems_of
from evalkit.task.problem import NoRow, Problem
from evalkit.task.problem_files import Row, as_rows, check_columns, read_rows
from evalkit.task.protocol import Spec, Task
from evalkit.util.errors import UserError
from evalkit.util.suggestions import nearest
from evalkit.util.text import counted

TRIES = 1_000_000
"""More tries than this nobody makes at one problem of a set."""


class ProblemSet:
    """The problems that a config names, in their order. Immutable; rows are shared."""

    def __init__(self, seed: int, ids: Sequence[str], picked: Sequence[int], rows: Sequence[Row] = ()):
        """`ids`: of all problems by index; `picked`: indices of those that are asked; `rows`: of a file, else empty."""
        self._seed, self._ids, self._rows, self._picked = seed, ids, rows, picked
        self.by_rounds = False
        """Whether a unit is one try at every problem; else it is every try at one problem."""

    def __len__(self) -> int:
        return len(self._picked)

    @property
    def several(self) -> bool:
        """Whether this is a set of problems, be it a set of one."""
        return True

    @property
    def first(self) -> int:
        """The number of the first run."""
        return self._picked[0] * TRIES + 1

    def check_columns(self) -> None:
        """Raise `UserError` for the first row without a column that a spec has read."""
        check_columns(self._rows)

    def of_size(self, count: int) -> ProblemSet:
        """So many problems: the first of them, or, where they are drawn from seeds, as many as that."""
        if self._rows:
            return ProblemSet(self._seed, self._ids, self._picked[:count], self._rows)
        return ProblemSet(self._seed, [str(number) for number in range(1, count + 1)], range(count))

    def recorded(self, ids: Mapping[int, str]) -> ProblemSet:
        """The problems of a launch with the places that they had in it: rows may have moved in their file since.

        `ids`: place → id. Raises `UserError` where the file has no such id any more.
        """
        if not ids:
            raise UserError("The launch had one problem, and its task has a set of them now: launch again")
        now = {name: index for index, name in enumerate(self._ids)}
        if gone := [name for name in ids.values() if name not in now]:
            rest = f" (and {len(gone) - 1:,} more of this launch)" if len(gone) > 1 else ""
            raise UserError(f"The problems have none with the id {gone[0]}{rest} any more: put its row back")
        names, rows = [""] * (max(ids) + 1), list(self._rows[:1]) * (max(ids) + 1)
        for index, name in ids.items():
            names[index] = name
            if rows:
                rows[index] = self._rows[now[name]]
        found = ProblemSet(self._seed, names, sorted(ids), rows)
        found.by_rounds = self.by_rounds
        return found

    @property
    def origin(self) -> Problem:
        """The first problem of all, whichever are asked: what they have in common is read from it."""
        return self.problem(1)

    @property
    def chosen(self) -> str:
        """Digest of which problems are asked; empty where the task has but one."""
        names = "\n".join(self._ids[index] for index in self._picked)
        return hashlib.sha256(names.encode("utf-8", "surrogatepass")).hexdigest()

    def size(self, tries: int) -> int:
        """How many runs so many tries are."""
        return len(self) * tries

    def units(self, tries: int) -> Iterator[Sequence[int]]:
        """The numbers of the runs of each independent unit, in order."""
        if self.by_rounds:
            for attempt in range(1, tries + 1):
                yield [index * TRIES + attempt for index in self._picked]
            return
        for index in self._picked:
            yield range(index * TRIES + 1, index * TRIES + tries + 1)

    def unit(self, run: int) -> int:
        """The place of a run's unit in that order, from 1."""
        return self.attempt(run) if self.by_rounds else self.place(run) + 1

    def place(self, run: int) -> int:
        """The place of a run's problem among those that are asked, from 0."""
        return bisect_left(self._picked, run // TRIES)

    def tries(self, place: int, first: int, last: int) -> range:
        """The numbers of these tries at the problem in this place, both ends included."""
        before = self._picked[place] * TRIES
        return range(before + first, before + last + 1)

    def unit_size(self, tries: int) -> int:
        """How many runs a unit has."""
        return len(self) if self.by_rounds else tries

    def runs(self, tries: int) -> Iterator[int]:
        """The numbers of all runs in that order."""
        for unit in self.units(tries):
            yield from unit

    def problem(self, run: int) -> Problem:
        """The problem of a run."""
        index = run // TRIES
        name = self._ids[index]
        return Problem(name, index, run_seed(self._seed, name), self._rows[index] if self._rows else NoRow())

    def row_digest(self, run: int) -> str:
        """Digest of the row of a run's problem; empty without a file."""
        return self._rows[run // TRIES].digest if self._rows else ""

    def rows_digest(self, runs: Iterable[int]) -> str:
        """Digest of the rows that these runs are about, wherever they stand in their file; empty without a file."""
        places = {run // TRIES for run in runs} if self._rows else ()
        rows = sorted(f"{self._ids[place]} {self._rows[place].digest}" for place in places)
        return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogatepass")).hexdigest()[:16] if rows else ""

    def specs(self, task: Task) -> Callable[[int], Spec]:
        """Gives the spec of a run. It raises `TaskError`."""
        return lambda run: author_code.spec_for(task, self.problem(run))

    def id(self, run: int) -> str | None:
        """The id of a run's problem; None where the task has but one."""
        return self._ids[run // TRIES]

    def attempt(self, run: int) -> int:
        """Which try at its problem a run is, from 1."""
        return run % TRIES

    def name(self, run: int) -> str:
        """A run for people: `Run 3`; of a set, the problem and the try."""
        return f"Run {run}" if self.id(run) is None else f"{self.id(run)} try {self.attempt(run)}"

    def folders(self) -> Iterator[tuple[str, int]]:
        """Where the runs of each problem are kept, and the number before that of its first run."""
        for index in self._picked:
            yield folder_name(self._ids[index]), index * TRIES

    def stem(self, run: int) -> str:
        """Where a run is kept: a relative path without suffix, by id, so that rows may move in their file."""
        return f"{folder_name(self._ids[run // TRIES])}/{self.attempt(run):04d}"


class OneProblem(ProblemSet):
    """The only problem of a task: run n is try n, with a seed of its own from which a task may draw fresh numbers."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, ["0"], [0])

    @property
    def several(self) -> bool:
        return False

    @property
    def chosen(self) -> str:
        return ""

    def problem(self, run: int) -> Problem:
        return Problem.seeded(run_seed(self._seed, run))

    def of_size(self, count: int) -> OneProblem:
        return self

    def recorded(self, ids: Mapping[int, str]) -> ProblemSet:
        """Raises `UserError` for a launch over several problems."""
        if ids:
            raise UserError("The launch was over a set of problems, and the task has one problem now: launch again")
        return self

    def size(self, tries: int) -> int:
        return tries

    def units(self, tries: int) -> Iterator[Sequence[int]]:
        for run in range(1, tries + 1):
            yield (run,)

    def unit(self, run: int) -> int:
        return run

    def id(self, run: int) -> None:
        return None

    def attempt(self, run: int) -> int:
        return run

    def folders(self) -> Iterator[tuple[str, int]]:
        yield "", 0

    def stem(self, run: int) -> str:
        return f"{run:04d}"


def problem_set(config: Config, task: Task) -> ProblemSet:
    """The problems that a config asks for. Raises `UserError` for a bad file, and where `problems.*` names none."""
    found = _problem_set(config, task)
    if found.several and max(config.runs.count, config.runs.max) >= TRIES:
        raise UserError(f"runs.count and runs.max are tries at every problem of a set: use less than {TRIES:,}")
    found.by_rounds = config.runs.until == "decided" and config.band.about == "these"
    return found


def _problem_set(config: Config, task: Task) -> ProblemSet:
    wanted, seed = config.problems, config.runs.seed
    if wanted.file:
        path = find_data(wanted.file, "problems.file")
        about = path.stat()
        rows = _read(path, about.st_mtime_ns, about.st_size)
        return _of_rows(wanted, seed, rows, wanted.file)
    if (own := problems_of(task)) is not None:
        return _of_rows(wanted, seed, as_rows(own(), f"the problems of task {config.task['name']}"), "the task")
    if wanted.count is None:
        for knob in ("ids", "sample"):
            if getattr(wanted, knob) is not None:
                raise UserError(f"problems.{knob} chooses among several problems: set problems.file or problems.count")
        return OneProblem(seed)
    ids = [str(number) for number in range(1, wanted.count + 1)]
    return ProblemSet(seed, ids, _picked(wanted, seed, ids))


def first_spec(config: Config, task: Task) -> Spec:
    """The spec of the first problem that is asked. Raises `UserError` and `TaskError`."""
    problems = problem_set(config, task)
    return author_code.spec_for(task, problems.problem(problems.first))


def _of_rows(wanted: ProblemsConfig, seed: int, rows: Sequence[Row], source: str) -> ProblemSet:
    ids = [row.id for row in rows]
    if wanted.count is not None and wanted.count > len(ids):
        raise UserError(
            f"problems.count={wanted.count} is more than {source} has: use at most {counted(len(ids), 'problem')}"
        )
    return ProblemSet(seed, ids, _picked(wanted, seed, ids[: wanted.count]), rows)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> list[Row]:
    """The rows of a file as it is now: the cells of a sweep share them."""
    return read_rows(path)


def _picked(wanted: ProblemsConfig, seed: int, ids: Sequence[str]) -> Sequence[int]:
    """Indices of the problems that `problems.ids` and `problems.sample` leave.

    A sample is the problems whose digests come first, so that a larger one holds a smaller one.
    """
    found: Sequence[int] = range(len(ids)) if wanted.ids is None else _named(wanted.ids, ids)
    if wanted.sample is None:
        return found
    if wanted.sample > len(found):
        raise UserError(
            f"problems.sample={wanted.sample} is more than there are: use at most {counted(len(found), 'problem')}"
        )
    lot = sorted(found, key=lambda index: hashlib.sha256(f"{seed}/sample/{ids[index]}".encode()).digest())
    return sorted(lot[: wanted.sample])


def _named(wanted: Any, ids: Sequence[str]) -> list[int]:
    """Indices of a list of ids and patterns (`*`, `?`, `[…]`), in the order of the file."""
    names = [
        str(name) for name in (wanted if isinstance(wanted, Sequence) and not isinstance(wanted, str) else [wanted])
    ]
    places = {name: index for index, name in enumerate(ids)}
    found: set[int] = set()
    for name in names:
        if name in places:
            found.add(places[name])
            continue
        matching = [places[one] for one in fnmatch.filter(ids, name)] if re.search(r"[*?[]", name) else []
        if not matching:
            near = nearest(name, ids)
            hint = f"did you mean {near}?" if near else f"ids look like {ids[0]}"
            raise UserError(f"problems.ids={name} names no problem: {hint}")
        found.update(matching)
    if not found:
        raise UserError("problems.ids is empty: name ids or a pattern, such as problems.ids='a*'")
    return sorted(found)


def folder_name(name: str) -> str:
    """A problem's id as the name of a folder: readable, and different for different ids on every file system."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:40]
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{plain}-{mark}" if plain else mark
