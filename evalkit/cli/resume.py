"""`python -m evalkit resume <output dir>`: finish a launch or a sweep from its saved config, in the same directory."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.cli.parser import DIR, VerbParser
from evalkit.config.checks import check_config
from evalkit.config.saved import is_sweep, launched_from, read_config, read_recorded, with_knob
from evalkit.results.reading import OtherFormatError, load
from evalkit.results.runs import Outcome
from evalkit.results.stopped_summary import was_cut_short
from evalkit.util.errors import UserError

if TYPE_CHECKING:  # `resume --help` needs no engine
    from evalkit.engine.cells import Cell


@dataclass(frozen=True)
class _Job:
    """What Hydra recorded about one directory."""

    cwd: Path
    swept: dict[str, str]
    index: int


def parser() -> VerbParser:
    """The arguments."""
    verb = VerbParser("resume", "Finish an interrupted launch or sweep, in its own directory.", f"resume {DIR}")
    verb.takes_directories()
    return verb


def run(options: Namespace) -> int:
    """Finish it: the launch's exit status; 0 at once if nothing is left to do. Raises `UserError` for bad input."""
    given: Path = options.folder
    with launched_from(given) as folder:
        return _resume(given, folder)


def _resume(given: Path, folder: Path) -> int:
    """`given` is what the person calls it, `folder` is the same as seen from where it was launched."""
    cells = find_cells(folder)
    if all(_complete(cell.folder) for cell in cells) and _mapped(folder, len(cells)):
        sys.stdout.write(f"{given} is complete: nothing to resume.\n")
        return 0
    from evalkit.launch.entry import run_cells  # loads Hydra: a directory that is complete needs none
    from evalkit.launch.preflight import preflight

    preflight([cell.config for cell in cells]).close()
    return run_cells(cells)


def find_cells(folder: Path) -> list[Cell]:
    """The cells of an output directory as they were launched. Raises `UserError` if it is none."""
    from evalkit.engine.cells import Cell

    folders = sorted(path.parent for path in folder.rglob(".hydra")) if is_sweep(folder) else [folder]
    if not folders:
        raise UserError(f"{folder} is a sweep without cells: launch it again")
    cells = []
    for place in folders:
        config, job = read_config(place), _job(place)
        config = with_knob(config, "store", str(job.cwd / config.store))
        check_config(config)
        started = (place / ".hydra" / "config.yaml").stat().st_mtime
        cells.append(Cell(config, place.resolve(), job.swept, job.index, since=started))
    return sorted(cells, key=lambda cell: cell.index)


def _job(folder: Path) -> _Job:
    """From `.hydra/hydra.yaml`; a directory that regrade or confirm wrote has none."""
    try:
        node = read_recorded(folder / ".hydra" / "hydra.yaml")
    except FileNotFoundError:
        return _Job(Path.cwd(), {}, 0)
    try:
        return _read_job(node["hydra"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder / '.hydra' / 'hydra.yaml'} is damaged: run the launch again, its rollouts are kept in the store"
        ) from error


def _read_job(node: Mapping[str, Any]) -> _Job:
    excluded = set(node["job"]["config"]["override_dirname"]["exclude_keys"])
    pairs = (override.lstrip("+~").partition("=") for override in node["overrides"]["task"])
    multirun = node["mode"] == "MULTIRUN"
    swept = {key: value for key, _, value in pairs if key not in excluded} if multirun else {}
    number = node["job"].get("num")
    index = int(number) if multirun and re.fullmatch(r"\d+", str(number)) else 0
    return _Job(Path(node["runtime"]["cwd"]), swept, index)


def _complete(folder: Path) -> bool:
    """Whether the directory has its analysis and no run in it was an error."""
    if not (folder / "summary.json").is_file():
        return False
    try:
        (cell,) = load(folder).cells
    except OtherFormatError:
        raise
    except UserError:  # damaged: it is written again from the store, for nothing
        return False
    return not was_cut_short(cell.summary) and all(run.outcome is not Outcome.ERROR for run in cell.runs)


def _mapped(folder: Path, cells: int) -> bool:
    return cells == 1 or (folder / "landscape.json").is_file()
