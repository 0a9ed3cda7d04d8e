"""Hydra plugins for `-m`: every cell is checked before anything is written, and all run on one event loop."""

from __future__ import annotations

import os
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
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from evalkit.config.hydra_setup.words import check_cells
from evalkit.config.overrides import literal
from evalkit.config.schema import Config
from evalkit.launch import entry
from evalkit.launch.shared_limits import write_limits
from evalkit.util.errors import UserError
from evalkit.util.text import counted

_SWEEPER = {"_target_": f"{__name__}.CheckedSweeper", "max_batch_size": None, "params": None}
_LAUNCHER = {"_target_": f"{__name__}.OneLoopLauncher"}
ConfigStore.instance().store(group="hydra/sweeper", name="evalkit", node=_SWEEPER, provider="evalkit")
ConfigStore.instance().store(group="hydra/launcher", name="evalkit", node=_LAUNCHER, provider="evalkit")


class CheckedSweeper(BasicSweeper):
    """Hydra's own grid sweeper, except that it composes and checks every cell before it writes anything."""

    def sweep(self, arguments: list[str]) -> Any:
        """Check all cells, name their folders after the knobs that vary, then launch them."""
        assert self.hydra_context is not None and self.config is not None and self.launcher is not None
        loader = self.hydra_context.config_loader
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*self._parse_config(), *arguments])
        check_cells(parsed)
        HydraConfig.instance().set_config(self.config)
        folder = Path(self.config.hydra.sweep.dir)
        self._tell_jobs(folder, [override.get_key_element() for override in parsed if not override.is_sweep_override()])
        (grid,) = self.split_arguments(parsed, None)
        cells = self._composed(grid)
        if isinstance(self.launcher, OneLoopLauncher):
            self.launcher.composed, self.max_batch_size = cells, None
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        if not isinstance(self.launcher, OneLoopLauncher):
            write_limits(folder, [entry.typed(node) for node in cells.values()])
        results: list[Sequence[JobReturn]] = []
        for batch in self.split_overrides_to_chunks([list(overrides) for overrides in cells], self.max_batch_size):
            results.append(self.launcher.launch(batch, initial_job_idx=sum(map(len, results))))
            entry.note_status(job.return_value for job in results[-1])  # raises what a job in another process raised
        return results

    def _composed(self, grid: Sequence[Sequence[str]]) -> dict[tuple[str, ...], DictConfig]:
        """Every cell once, checked; what is listed twice, in whatever spelling, is left out and said."""
        assert self.hydra_context is not None and self.config is not None
        loader = self.hydra_context.config_loader
        cells: dict[tuple[str, ...], DictConfig] = {}
        configs: dict[str, Config] = {}
        for overrides in grid:
            node = loader.load_sweep_config(self.config, list(overrides))
            config = entry.typed(node)
            if repr(config) in configs:
                continue
            configs[repr(config)] = config
            cells[tuple(overrides)] = node
        if len(cells) < len(grid):
            left_out = len(grid) - len(cells)
            entry.note(f"{counted(left_out, 'cell')} of {len(grid)} skipped: same settings as another cell.")
        if self.max_batch_size is not None and self.max_batch_size < 1:
            raise UserError("hydra.sweeper.max_batch_size must be at least 1, or null for all cells at once")
        _check_folders(list(cells.values()))
        HydraConfig.instance().set_config(self.config)
        entry.check_sweep(self.config.hydra.sweep.dir, list(configs.values()))
        return cells

    def _tell_jobs(self, folder: Path, fixed: list[str]) -> None:
        """Every job's config gets these, wherever it runs: one directory for all, and which knobs do not vary."""
        assert self.config is not None
        own = self.config.hydra.overrides.hydra
        with read_write(own):
            own.append(f"hydra.sweep.dir={literal(str(folder))}")
            own.append(f"hydra.job.config.override_dirname.exclude_keys=[{','.join(map(literal, fixed))}]")


def _check_folders(cells: Sequence[DictConfig]) -> None:
    """Raise `UserError` unless every cell has a folder of its own, below that of the sweep."""
    seen: set[str] = set()
    for number, config in enumerate(cells):
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        if entry.unresolved(config.hydra.sweep)["subdir"].startswith("${evalkit.cell:${hydra:job.num},"):
            return  # ours: numbered, and safe
        HydraConfig.instance().set_config(config)
        folder = os.path.normpath(str(config.hydra.sweep.subdir))
        if folder in seen or folder.startswith(("..", "/")) or (folder == "." and len(cells) > 1):
            raise UserError(
                f"hydra.sweep.subdir={config.hydra.sweep.subdir} does not give every cell its own folder below the "
                "sweep's: leave it out, or put ${hydra:job.num} into it"
            )
        seen.add(folder)


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
        status = entry.run_cells([job.return_value for _, job in jobs])
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
        entry.keep_hydra_from(Path(config.hydra.sweep.dir), config)
        job = run_job(
            task_function=partial(entry.cell, index=position),
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=HydraContext(config_loader=loader, callbacks=Callbacks()),  # a job starts when all are there
        )
        return config, job
