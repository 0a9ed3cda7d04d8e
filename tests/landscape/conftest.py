"""Sweeps with the real engine and the simulated model, and the browser of the report's tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.engine.cells import Cell, CellResult
from evalkit.landscape.knobs import Entry
from evalkit.landscape.landscape import Landscape
from evalkit.landscape.survey import survey
from evalkit.launch.pipeline import execute
from tests.launching import Watcher, config_for
from tests.report.conftest import browser, visit

__all__ = ["browser", "visit"]


async def run_sweep(
    folder: Path, fixed: Sequence[str], knobs: dict[str, Sequence[str]], view: Any = None
) -> list[CellResult]:
    """A cell for every combination, in `folder`, out of the store beside it; writes the landscape."""
    cells = []
    for index, values in enumerate(itertools.product(*knobs.values())):
        swept = dict(zip(knobs, values, strict=True))
        overrides = [*fixed, *(f"{knob}={value}" for knob, value in swept.items())]
        place = folder / f"{index:03d}"
        place.mkdir(parents=True)
        cells.append(Cell(config_for(*overrides, store=folder.parent / "store"), place, swept, index))
    return await execute(cells, view or Watcher())


def surveyed(results: Sequence[CellResult]) -> Landscape:
    """The landscape of finished cells."""
    return survey([Entry.of(result) for result in results])


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., Any]:
    """`await sweep(fixed, knobs)` in a directory of its own."""

    async def run(fixed: Sequence[str], knobs: dict[str, Sequence[str]], view: Any = None, name: str = "sweep") -> Any:
        return await run_sweep(tmp_path / name, fixed, knobs, view)

    return run
