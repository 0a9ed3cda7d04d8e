"""A comparison as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from evalkit.diff.compare import LaunchDiff, SweepDiff
from evalkit.diff.outcomes import Flip, Outcomes
from evalkit.diff.problems import SetDifference
from evalkit.report.facts import finite


def facts(diff: LaunchDiff | SweepDiff) -> dict[str, Any]:
    """The comparison as JSON, with every difference of the config."""
    kind = {"old": str(diff.old.folder), "new": str(diff.new.folder), "differ": diff.differ, "notes": list(diff.notes)}
    settings = asdict(diff.settings)
    if isinstance(diff, SweepDiff):
        cells = [
            {"knobs": dict(cell.knobs), "beyond_chance": cell.discovered, **_outcomes(cell.outcomes)}
            for cell in diff.cells
        ]
        lonely = {"only_old": [dict(knobs) for knobs in diff.only_old], "only_new": [dict(k) for k in diff.only_new]}
        return {"kind": "sweep", **kind, "settings": settings, "cells": cells, **lonely}
    effects = [{"folder": str(one.folder), **_outcomes(one.outcomes)} for one in diff.grader_effects]
    return {"kind": "launch", **kind, "settings": settings, "grader_effects": effects, **_outcomes(diff.outcomes)}


def _outcomes(outcomes: Outcomes) -> dict[str, Any]:
    sides = {}
    for name, side in (("old", outcomes.old), ("new", outcomes.new)):
        sides[name] = asdict(side) | {"rate": side.rate.to_dict()}
    return {
        "sides": sides,
        "shared": outcomes.shared,
        "paired_by": outcomes.paired_by,
        "pairs": outcomes.pairs and asdict(outcomes.pairs),
        "unknown": outcomes.unknown,
        "difference": None if outcomes.unknown else outcomes.comparison.difference,
        "differences": asdict(outcomes.differences),
        "interval": None if outcomes.unknown else asdict(outcomes.comparison.interval),
        "p_value": None if outcomes.unknown else outcomes.comparison.p_value,
        "test": None if outcomes.unknown else outcomes.comparison.method,
        "confidence": outcomes.confidence,
        "told_from_chance": outcomes.tells,
        "runs_needed": outcomes.runs_needed,
        "flips": [_flip(flip) for flip in outcomes.flips],
        "changed_runs": list(outcomes.changed_runs),
        **({"set": _set(outcomes.set)} if outcomes.set else {}),
    }


def _flip(flip: Flip) -> dict[str, Any]:
    """Problem and try are left out where the task has but one problem."""
    return {name: value for name, value in asdict(flip).items() if value is not None}


def _set(found: SetDifference) -> dict[str, Any]:
    """The comparison by problem; every common problem with passes and tries of both sides."""
    by = found.comparison
    return {
        "difference": by.difference,
        "interval": asdict(by.interval),
        "p_value": by.p_value,
        "test": by.method,
        "times_the_runs_unpaired": by.saved,
        "problems_needed": found.problems_needed,
        "problems": [asdict(each) | {"difference": each.difference} for each in found.problems],
        "only_old": list(found.common.only_old),
        "only_new": list(found.common.only_new),
        "changed_questions": list(found.common.changed),
    }


def as_json(diffs: Sequence[LaunchDiff | SweepDiff]) -> str:
    """One object for two directories, a list of them for more."""
    values = [finite(facts(diff)) for diff in diffs]
    return json.dumps(values[0] if len(values) == 1 else values, indent=1) + "\n"
