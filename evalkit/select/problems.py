"""The problems of a launch with the passes and tries at each, read from its output directory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.config.saved import is_sweep
from evalkit.results.reading import load, read
from evalkit.results.runs import Outcome
from evalkit.stats.verdict import Band
from evalkit.util.errors import UserError

GROUP = 8
"""Tries that are compared with each other in training, where the launch does not say."""


@dataclass(frozen=True)
class TriedProblem:
    """A problem and what became of the tries at it."""

    problem: str
    """Its id."""
    passed: int
    tries: int
    """Those that passed or failed."""


@dataclass(frozen=True)
class TriedSet:
    """A launch over a set of problems, as far as a selection needs it."""

    folder: Path
    title: str
    """Of the task."""
    model: str
    simulated: bool
    band: Band
    group: int
    problems: tuple[TriedProblem, ...]
    """In the order of their first runs."""
    left_out: int
    """Runs that ended in an error or whose outcome is unknown: they count for nothing."""

    @property
    def counts(self) -> list[tuple[int, int]]:
        """Passes and tries of every problem."""
        return [(each.passed, each.tries) for each in self.problems]


def read_problems(folder: Path) -> TriedSet:
    """Read the output directory of one launch; memory grows with its problems, not with its runs.

    Raises `UserError` for a directory that is not that of a finished launch, and for a launch without problems.
    """
    if is_sweep(folder):
        cells = sorted(path.parent for path in folder.rglob("summary.json"))
        named = f", such as {cells[0]}" if cells else ""
        raise UserError(f"{folder} is a sweep: select reads one launch, so name one of its cells{named}")
    if not all((folder / name).is_file() for name in ("manifest.json", "summary.json", "runs.jsonl")):
        load(folder)  # says what the directory is instead
    manifest = read(folder / "manifest.json", _object)
    band, group = read(folder / "summary.json", lambda path: _aim(_object(path)))
    title, model, simulated = read(folder / "manifest.json", lambda _: _about(manifest))
    problems, left_out = read(folder / "runs.jsonl", _tally)
    if not problems:
        raise UserError(
            f"{folder} is a launch of one problem: select chooses among the problems of a set, "
            "so launch with problems.count=…"
        )
    return TriedSet(folder, title, model, simulated, band, group, problems, left_out)


def _object(path: Path) -> Mapping[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return value


def _about(manifest: Mapping[str, Any]) -> tuple[str, str, bool]:
    model = manifest["model"]
    return str(manifest["title"]), str(model["id"]), bool(model["simulated"])


def _aim(summary: Mapping[str, Any]) -> tuple[Band, int]:
    band = summary["band"]
    return Band(float(band["low"]), float(band["high"])), int((summary.get("set") or {}).get("group") or GROUP)


def _tally(path: Path) -> tuple[tuple[TriedProblem, ...], int]:
    """The problems of `runs.jsonl` and the number of runs without a verdict; no problems if a line names none."""
    tallies: dict[str, list[int]] = {}
    left_out = 0
    with path.open(encoding="utf-8", errors="surrogatepass") as lines:
        for run in _parsed(lines):
            if (problem := run.get("problem")) is None:
                return (), 0
            tally = tallies.setdefault(str(problem), [0, 0])
            outcome = Outcome(run["outcome"])
            if outcome in (Outcome.PASSED, Outcome.FAILED):
                tally[0] += outcome is Outcome.PASSED
                tally[1] += 1
            else:
                left_out += 1
    return tuple(TriedProblem(problem, *tally) for problem, tally in tallies.items()), left_out


def _parsed(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number} is not JSON") from error
        if value is None:
            continue
        if not isinstance(value, dict):
            raise ValueError(f"line {number} is not an object")
        yield value
