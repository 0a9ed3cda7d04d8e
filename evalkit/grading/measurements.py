"""Measurements kept beside their rollouts: a submission is measured once, by however many cells it is graded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalkit.sampling.problem_set import OneProblem, ProblemSet
from evalkit.sampling.store import digest
from evalkit.task.grade import Fault, Measurement
from evalkit.util.files import write_atomically


class Measurements:
    """The measurements of one rollout set under one measurement key."""

    def __init__(self, folder: Path, problems: ProblemSet | None = None) -> None:
        """`folder` is `<set>/measurements/<key>`; made when the first measurement is kept. `problems`: None for one."""
        self._folder, self._problems = folder, problems or OneProblem(0)
        self._under_way: dict[tuple[int, str], asyncio.Future[Measurement]] = {}

    async def get(
        self, run: int, answer: Any, measure: Callable[[], Awaitable[Measurement]], *, files: str = ""
    ) -> Measurement:
        """The measurement of a run's answer: from disk, from a measuring under way, or by `measure`.

        `files`: what stands for the files that it left to be graded (`evalkit.rollout.artifacts.mark`).
        """
        asked = run, files
        if asked not in self._under_way:
            self._under_way[asked] = asyncio.ensure_future(self._get(run, answer, measure, files))
        found = await asyncio.shield(self._under_way[asked])
        if self._problems.several:  # of thousands of runs the disk is memory enough
            self._under_way.pop(asked, None)
        return found

    async def _get(
        self, run: int, answer: Any, measure: Callable[[], Awaitable[Measurement]], files: str
    ) -> Measurement:
        apart = f"-{files[:16]}" if files else ""  # under smaller limits, a run leaves other files
        path = self._folder / f"{self._problems.stem(run)}{apart}.json"
        answered = self._asked(run, answer, files)
        known = self._read(path, answered)
        if known is not None:
            return known
        measurement = await measure()
        with suppress(OSError):  # it can be made again, which must not cost the run its grade
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps({"answer": answered, **asdict(measurement)}, ensure_ascii=False) + "\n")
        return measurement

    def _asked(self, run: int, answer: Any, files: str) -> str:
        """Digest of what is measured: the answer, the files, and the row that it answers."""
        row = self._problems.row_digest(run)
        if files:
            return digest([answer, row, files])
        return digest([answer, row]) if row else digest(answer)

    def _read(self, path: Path, answered: str) -> Measurement | None:
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            return measurement_from(kept) if kept["answer"] == answered else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None  # a damaged measurement is simply made again


def measurement_from(facts: dict[str, Any]) -> Measurement:
    """A measurement from its JSON."""
    fault = facts.get("fault")
    return Measurement(facts["values"], Fault(**fault) if fault else None)
