"""From a command line to checked cells: composes with Hydra, refuses bad input, hands the rest to the engine.

    argv ─→ Hydra composes ─→ check (nothing written yet) ─→ Hydra makes directories ─→ cells ─→ engine

A single launch is checked by `evalkit._hydra.gate`, a sweep by the sweeper in `evalkit/_hydra/hydra_plugins`;
with another launcher (joblib, submitit, ray) every job is a launch of one cell in a process of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evalkit import _hydra
from evalkit.config import Config, check
from evalkit.errors import UserError
from evalkit.plugins import bundled

if TYPE_CHECKING:
    from evalkit.engine import Cell

_statuses: list[int] = []
"""Exit statuses of what this launch ran: `hydra.main` returns nothing."""


class Refused(BaseException):
    """Carries a `UserError` out of a Hydra callback, where every `Exception` is turned into a mere warning."""


def main(argv: Sequence[str]) -> int:
    """Do what Hydra's command line says; the exit status. Raises `UserError` before anything is written."""
    from evalkit._hydra.explain import explain
    from evalkit.model.choice import default_model

    _hydra.install(default_model())
    _statuses.clear()
    try:
        with _raw_errors(argv):
            _start()
    except Refused as refused:
        raise refused.__cause__ or refused from None
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(error, argv)) from error
    return max(_statuses, default=0)


@hydra.main(version_base="1.3", config_path=str(bundled("conf")), config_name="config")
def _start(node: DictConfig) -> int:
    return run(node)


def run(node: DictConfig) -> int:
    """Hydra's task function: one cell, run here and now. The exit status."""
    return run_cells([cell(node)])


def run_cells(cells: Sequence[Cell]) -> int:
    """Run cells on one event loop and remember the exit status."""
    from evalkit.engine import run_cells as engine_run_cells

    status = engine_run_cells(list(cells), view)
    note_status([status])
    return status


def note_status(statuses: Iterable[Any]) -> None:
    """Count these exit statuses (of jobs that ran elsewhere) into that of the launch."""
    _statuses.extend(status for status in statuses if isinstance(status, int))


@contextmanager
def _raw_errors(argv: Sequence[str]) -> Iterator[None]:
    """Hydra reads `sys.argv`, and raises its errors instead of printing them when HYDRA_FULL_ERROR is set."""
    before, sys.argv = sys.argv, [sys.argv[0], *argv]
    wanted, os.environ["HYDRA_FULL_ERROR"] = os.environ.get("HYDRA_FULL_ERROR"), "1"
    try:
        yield
    finally:
        sys.argv = before
        if wanted is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = wanted
