"""Limits shared by the cells of a sweep whose cells are separate processes (Hydra's joblib, submitit, ray … launchers).

On one event loop the engine sees all cells and samples each rollout once, under the largest limits that any of them
has. A process sees its own cell only, so the sweeper leaves the limits of the others in the sweep's directory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from evalkit.config.schema import Config
from evalkit.rollout import limits as budgets
from evalkit.rollout.limits import Limits
from evalkit.sampling.store import digest
from evalkit.task.registry import load_task
from evalkit.util.files import write_atomically

NAME = "sampling.json"


def write_limits(folder: Path, configs: Sequence[Config]) -> None:
    """Keep the largest limits of the cells that can share their rollouts, for `largest_limits`."""
    alike: dict[str, list[Limits]] = {}
    for config in configs:
        alike.setdefault(_conversation(config), []).append(budgets.from_config(config.limits))
    joined = {name: asdict(budgets.join(several)) for name, several in alike.items()}
    write_atomically(folder / NAME, json.dumps(joined, indent=1) + "\n")


def largest_limits(folder: Path, config: Config) -> Limits | None:
    """The limits under which a cell's rollouts serve the whole sweep; None where no other process takes part."""
    try:
        kept: Mapping[str, Mapping[str, float | None]] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return Limits(**kept[_conversation(config)])  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError, TypeError):  # sampled apart it costs more, and is right all the same
        return None


def _conversation(config: Config) -> str:
    """Digest of what cells of one sweep must have in common to share rollouts (`keys.rollout_key` has the rest)."""
    free = load_task(config.task).graded_by
    limits = config.limits
    return digest(
        {
            "task": {name: value for name, value in config.task.items() if name not in free},
            "model": asdict(config.model),
            "agent": asdict(config.agent),
            "sandbox": asdict(config.sandbox),
            "seed": config.runs.seed,
            "clocks": [limits.timeout_s, limits.tool_timeout_s],
            "store": config.store,
        }
    )[:16]
