"""Provenance of a launch's rollouts: how many earlier launches had sampled, and when."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.util.text import counted

NO_REPLICATION = "launches that share rollouts are not replications of each other"


@dataclass(frozen=True)
class Reused:
    """Rollouts that another launch sampled, or began to."""

    runs: tuple[int, ...] = ()
    """Numbers of the runs that rest on them."""
    first: str | None = None
    """When the first and the last of them were begun, in UTC, as `2026-11-23T10:43:50Z`; None if that is not known."""
    last: str | None = None

    @classmethod
    def of(cls, begun: Mapping[int, float]) -> Reused:
        """From run → Unix time."""
        times = sorted(begun.values())
        return cls(tuple(sorted(begun)), _utc(times[0]), _utc(times[-1])) if times else cls()

    @classmethod
    def read(cls, summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> Reused:
        """From the JSON of both; a launch from before they said it counts as one that reused nothing."""
        sampled = manifest.get("rollouts", {}).get("reused_from") or {}
        return cls(tuple(summary.get("reused_runs", ())), sampled.get("first"), sampled.get("last"))

    def among(self, runs: Iterable[int]) -> Reused:
        """Those of some of the runs."""
        kept = set(runs)
        return Reused(tuple(run for run in self.runs if run in kept), self.first, self.last)

    def to_dict(self) -> dict[str, str] | None:
        """When they were begun, as `manifest.json` has it."""
        return {"first": self.first, "last": self.last} if self.runs and self.first and self.last else None

    def sentence(self, total: int) -> str:
        """For people: `3 of 5 were sampled by another launch on 2026-11-23: …`; empty if there are none."""
        if not self.runs:
            return ""
        share = f"all {total}" if len(self.runs) == total > 1 else f"{len(self.runs)} of {total}"
        return f"{share} {_was(self.runs)} sampled by another launch{days([self])}: {NO_REPLICATION}"


def _was(found: Sized) -> str:
    return "was" if len(found) == 1 else "were"


def days(several: Sequence[Reused]) -> str:
    """` on 2026-11-23`, or from which day to which; empty if that is not known."""
    found = sorted(stamp[:10] for one in several for stamp in (one.first, one.last) if stamp)
    if not found:
        return ""
    return f" on {found[0]}" if found[0] == found[-1] else f" from {found[0]} to {found[-1]}"


def sweep_sentence(cells: Sequence[tuple[str, int, Reused]]) -> str:
    """Of a sweep, from set, number of runs and reuse of each cell; cells share rollouts. Empty if there are none."""
    needed = {(name, run) for name, total, _ in cells for run in range(1, total + 1)}
    reused = {(name, run) for name, _, found in cells for run in found.runs}
    if not reused:
        return ""
    share = "All" if len(reused) >= len(needed) > 1 else f"{len(reused)} of"
    when = days([found for _, _, found in cells if found.runs])
    return (
        f"{share} {counted(len(needed), 'rollout')} {_was(reused)} sampled by other launches{when}: {NO_REPLICATION}."
    )


def mark_of(folder: Path, otherwise: str) -> str:
    """What names the launch or sweep that an output directory belongs to, today and when it is resumed."""
    sweep = next((above for above in folder.parents[:3] if (above / "multirun.yaml").is_file()), None)
    path = sweep / "multirun.yaml" if sweep else folder / ".hydra" / "config.yaml"
    try:
        return f"{(sweep or folder).name} {path.stat().st_mtime_ns}"
    except OSError:  # launched from Python, which nobody resumes
        return f"{folder.name} {otherwise}"


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
