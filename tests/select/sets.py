"""Launches over sets of problems for tests: directories with as many tries at each problem as a table says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.outputs import write_launch


def write_set(folder: Path, problems: Mapping[str, str]) -> Path:
    """A launch, try by try; `problems` has the outcomes at each: P(assed), F(ailed), E(rror), U(nknown)."""
    write_launch(folder)
    names = {"P": "passed", "F": "failed", "E": "error", "U": "unknown"}
    template = json.loads((folder / "runs.jsonl").read_text().splitlines()[0])
    rows = [(number, problem) for problem, tries in problems.items() for number in range(len(tries))]
    lines = []
    for run, (number, problem) in enumerate(sorted(rows, key=lambda row: row[0]), start=1):
        said = {"run": run, "problem": problem, "try": number + 1, "outcome": names[problems[problem][number]]}
        lines.append(json.dumps(template | said))
    (folder / "runs.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def graded(never: int = 8, sometimes: int = 8, always: int = 8, tries: int = 16) -> dict[str, str]:
    """A set of three kinds of problems."""
    kinds = {"hard": (never, 0), "fair": (sometimes, tries // 4), "easy": (always, tries)}
    return {
        f"{kind}-{number}": "P" * passed + "F" * (tries - passed)
        for kind, (problems, passed) in kinds.items()
        for number in range(problems)
    }
