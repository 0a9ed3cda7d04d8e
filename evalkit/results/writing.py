"""The output directory of a cell: facts in stable order and equal bytes, times in files of their own."""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evalkit.results.problem_tallies import tallies
from evalkit.results.runs import MeasurementLine, Run
from evalkit.results.summary import Summary
from evalkit.rollout import artifacts
from evalkit.rollout.journal import write_rollout
from evalkit.rollout.record import FailedAttempt, Rollout
from evalkit.rollout.stored import StoredRollout
from evalkit.util.files import write_atomically, write_lines

FORMAT = "1.0"
"""Version of the output directory. A newer major version is refused by everything that reads one."""


def write_cell(folder: Path, runs: Sequence[Run], summary: Summary, manifest: Mapping[str, Any]) -> None:
    """Everything but the configuration, which Hydra writes. `summary.json` comes last: with it the cell is complete.

    FileNotFoundError if the directory is not there.
    """
    runs = sorted(runs, key=lambda run: run.number)
    for run in runs:
        if not isinstance(run.rollout, StoredRollout):
            write_conversation(folder, run.rollout)
    write_lines(folder / "runs.jsonl", _lines(run.line.to_dict() for run in runs))
    if summary.set:
        each = tallies(runs, summary.failures)
        write_lines(folder / "problems.jsonl", _lines(tally.line(summary.confidence).to_dict() for tally in each))
    write_lines(folder / "measurements.jsonl", _lines(_measurement(run) for run in runs if run.measurement))
    write_atomically(folder / "manifest.json", _pretty({"format": FORMAT, **manifest}))
    write_lines(folder / "timing.json", _timing(runs, summary))
    write_atomically(folder / "summary.json", _pretty(summary.to_dict()))


def write_conversation(folder: Path, rollout: Rollout) -> Path:
    """The file of a rollout in an output directory. OSError where the disk refuses."""
    path = folder / "rollouts" / f"{rollout.run:04d}.jsonl"
    path.parent.mkdir(exist_ok=True)
    artifacts.copy(rollout, folder / artifacts.FOLDER)
    write_rollout(path, rollout)
    return path


def put_away(folder: Path, run: Run) -> Run:
    """The run with its conversation in its output directory instead of in memory, where the disk takes it."""
    try:
        path = write_conversation(folder, run.rollout)
        return replace(run, rollout=StoredRollout.of(replace(run.rollout, blobs=folder / artifacts.FOLDER), path))
    except OSError:  # `write_cell` meets it again, and says so
        return run


def _measurement(run: Run) -> dict[str, Any]:
    assert run.measurement is not None
    found = run.measurement
    return MeasurementLine(run=run.number, values=found.values, fault=found.fault).to_dict()


def _timing(runs: Sequence[Run], summary: Summary) -> Iterator[str]:
    """The text, run by run: of a large set, all of it at once takes more memory than its runs."""
    facts = {
        **summary.times(),
        "failed_attempts": _failed_attempts(runs),
        "waited_s": round(sum(run.rollout.timing.waited for run in runs), 3),
        "written": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "host": {"system": platform.platform(), "machine": platform.machine()},
    }
    yield _pretty(facts).removesuffix("\n}\n") + ',\n "runs": ['
    for place, run in enumerate(runs):
        yield (",\n  " if place else "\n  ") + _pretty(_times_of(run)).rstrip("\n").replace("\n", "\n  ")
    yield "\n ]\n}\n" if runs else "]\n}\n"


def _times_of(run: Run) -> dict[str, Any]:
    timing = run.rollout.timing
    return {
        "run": run.number,
        "started": round(timing.started, 3),
        "seconds": round(timing.seconds, 3),
        "waited": round(timing.waited, 3),
        "turns": [round(seconds, 3) for seconds in timing.turns],
        "failed": [_rounded(attempt) for attempt in timing.failed],
    }


def _rounded(attempt: FailedAttempt) -> dict[str, Any]:
    return asdict(replace(attempt, seconds=round(attempt.seconds, 3), pause=round(attempt.pause, 3)))


def _failed_attempts(runs: Sequence[Run]) -> dict[str, Any]:
    """How many attempts failed, how long they took, and for what reasons."""
    failed = [attempt for run in runs for attempt in run.rollout.timing.failed]
    reasons = Counter(attempt.reason for attempt in failed)
    return {
        "count": len(failed),
        "seconds": round(sum(attempt.seconds for attempt in failed), 3),
        "reasons": dict(reasons.most_common(20)),
    }


def _lines(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    return (json.dumps(item) + "\n" for item in items)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
