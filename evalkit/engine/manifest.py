"""Manifest of a cell, and the cell's description for a view."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalkit.display.view import CellInfo
from evalkit.engine.cells import CellResult
from evalkit.sampling.keys import TaskFiles, grader_versions
from evalkit.sampling.provenance import Reused
from evalkit.sampling.store import digest
from evalkit.util.versions import git_commit, versions


def manifest(member: CellResult, files: TaskFiles) -> dict[str, Any]:
    """What the numbers of a cell rest on."""
    config, source = member.cell.config, member.source
    spec, reused = source.spec(source.problems.first), member.summary.reused if member.summary else Reused()
    rows = source.problems.rows_digest(run.number for run in member.runs)
    return {
        "task": config.task["name"],
        "title": member.task.title,
        "model": _model_facts(member),
        "versions": {**versions(), **grader_versions(config, member.task, files)},
        "commit": git_commit(Path.cwd()),
        "digests": {
            "prompt": digest(spec.prompt)[:16],
            "tools": digest([dict(tool.input_schema) for tool in spec.tools])[:16],
            "grader": member.grader[:16],
            **({"rows": rows} if rows else {}),
        },
        "rollouts": {"set": source.known.name, "limits": asdict(source.limits), "reused": len(reused.runs)}
        | {"reused_from": reused.to_dict()},
        "isolation": source.sandbox.level,
        "limits": asdict(member.limits),
        "seed": config.runs.seed,
    }


def _model_facts(member: CellResult) -> dict[str, Any]:
    """Who was asked, and who answered."""
    source = member.source
    names = sorted({turn.answered_by or "" for run in member.runs for turn in run.rollout.turns} - {""})
    facts = {"id": source.model.id, "kind": member.cell.config.model.kind, "simulated": source.model.simulated}
    if not source.model.where:
        return facts
    serves = source.model.identity.get("serves")
    return {
        **facts,
        "endpoint": source.model.where,
        "answered": names,
        **({"serves": serves} if serves else {}),
        **({"notes": list(source.notes)} if source.notes else {}),
    }


def cell_info(member: CellResult) -> CellInfo:
    config, cell = member.cell.config, member.cell
    sandbox = member.source.sandbox
    return CellInfo(
        index=cell.index,
        task=config.task["name"],
        title=member.task.title,
        model=member.source.model.id,
        simulated=member.source.model.simulated,
        runs=member.asked,
        concurrency=config.runs.concurrency,
        limits=str(member.limits),
        isolation=f"{sandbox.level} ({sandbox.stronger})" if sandbox.stronger else sandbox.level,
        folder=cell.folder,
        overrides=cell.overrides,
    )
