"""Hydra plugins for `-m`: every cell is checked before anything is written, and all run on one event loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

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
        fixed = [override.get_key_element() for override in parsed if not override.is_sweep_override()]
        with open_dict(self.config):
            quoted = ",".join(f"'{key}'" for key in fixed)
            self.config.hydra.overrides.hydra.append(f"hydra.job.config.override_dirname.exclude_keys=[{quoted}]")
        cells = [
            loader.load_sweep_config(self.config, overrides)
            for batch in self.split_arguments(parsed, None)
            for overrides in batch
        ]
        launch.check_sweep(self.config, cells)
        results = super().sweep(arguments)
        launch.note_status(job.return_value for batch in results for job in batch)
        return results

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Nothing is left to do: `sweep` composed every cell."""


class OneLoopLauncher(Launcher):
    """Makes the directories of all cells first, then runs all of them on one event loop.

    So the engine sees the whole sweep before it samples anything, and buys every rollout once.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what `launch` needs."""
        self.hydra_context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs. A job's return value is the exit status of the whole batch."""
        setup_globals()
        jobs = [self._prepare(list(overrides), initial_job_idx + n) for n, overrides in enumerate(job_overrides)]
        status = launch.run_cells([job.return_value for job in jobs])
        for job in jobs:
            job.return_value, job.status = status, JobStatus.COMPLETED
        return jobs

    def _prepare(self, overrides: list[str], index: int) -> JobReturn:
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id = str(index)
            config.hydra.job.num = index
        return run_job(
            task_function=launch.cell,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self.hydra_context,
        )
