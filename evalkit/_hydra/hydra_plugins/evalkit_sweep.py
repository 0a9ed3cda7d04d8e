"""Hydra plugins for `-m`: every cell is checked before anything is written, and all run on one event loop."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from evalkit import launch

_SWEEPER = {"_target_": f"{__name__}.CheckedSweeper", "max_batch_size": None, "params": None}
_LAUNCHER = {"_target_": f"{__name__}.OneLoopLauncher"}
ConfigStore.instance().store(group="hydra/sweeper", name="evalkit", node=_SWEEPER, provider="evalkit")
ConfigStore.instance().store(group="hydra/launcher", name="evalkit", node=_LAUNCHER, provider="evalkit")


class CheckedSweeper(BasicSweeper):
    """Hydra's own grid sweeper, except that it composes and checks every cell before it writes anything."""

    def sweep(self, arguments: list[str]) -> Any:
        """Check all cells, name their folders after the knobs that vary, then go on as Hydra does."""
        assert self.hydra_context is not None and self.config is not None
        loader = self.hydra_context.config_loader
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*self._parse_config(), *arguments])
        HydraConfig.instance().set_config(self.config)
        folder = Path(self.config.hydra.sweep.dir)
        self._tell_jobs(folder, [override.get_key_element() for override in parsed if not override.is_sweep_override()])
        (grid,) = self.split_arguments(parsed, None)
        cells = {tuple(overrides): loader.load_sweep_config(self.config, overrides) for overrides in grid}
        launch.check_sweep(folder, cells.values())
        if isinstance(self.launcher, OneLoopLauncher):
            self.launcher.composed = cells
        results = super().sweep(arguments)
        launch.note_status(job.return_value for batch in results for job in batch)
        return results

    def _tell_jobs(self, folder: Path, fixed: list[str]) -> None:
        """Every job's config gets these, wherever it runs: one directory for all, and which knobs do not vary."""
        assert self.config is not None
        own = self.config.hydra.overrides.hydra
        with read_write(own):
            own.append(f"hydra.sweep.dir={_quoted(str(folder))}")
            own.append(f"hydra.job.config.override_dirname.exclude_keys=[{','.join(map(_quoted, fixed))}]")

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Nothing is left to do: `sweep` composed every cell."""


def _quoted(text: str) -> str:
    """A string as Hydra's override grammar reads it."""
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", text) + "'"


class OneLoopLauncher(Launcher):
    """Makes the directories of all cells first, then runs all of them on one event loop.

    So the engine sees the whole sweep before it samples anything, and buys every rollout once.
    """

    composed: Mapping[tuple[str, ...], DictConfig] = MappingProxyType({})
    """Cells that the sweeper has composed already: that takes longer than anything else in a large sweep."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `launch` needs."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs. A job's return value is the exit status of the whole batch."""
        setup_globals()
        callbacks = self.hydra_context.callbacks
        jobs = [
            self._prepare(list(overrides), initial_job_idx + position, position)
            for position, overrides in enumerate(job_overrides)
        ]
        for config, _ in jobs:
            callbacks.on_job_start(config=config, task_function=self.task_function)
        status = launch.run_cells([job.return_value for _, job in jobs])
        for config, job in jobs:
            job.return_value, job.status = status, JobStatus.COMPLETED
            callbacks.on_job_end(config=config, job_return=job)
        return [job for _, job in jobs]

    def _prepare(self, overrides: list[str], number: int, position: int) -> tuple[DictConfig, JobReturn]:
        """Let Hydra make the directory and `.hydra/`; what it calls the job only returns the cell."""
        loader = self.hydra_context.config_loader
        config = self.composed.get(tuple(overrides)) or loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        job = run_job(
            task_function=partial(launch.cell, index=position),
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=HydraContext(config_loader=loader, callbacks=Callbacks()),  # a job starts when all are there
        )
        return config, job
