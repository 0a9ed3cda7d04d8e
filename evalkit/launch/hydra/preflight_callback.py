"""Refuses bad input between composing a launch and making its directory."""

from __future__ import annotations

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from evalkit.launch import entry


class PreflightCallback(Callback):
    """Hydra calls it after composing a single launch, before it writes anything. Sweeps: `CheckedSweeper`."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the launch. Raises `Refused` for a launch that does not pass; its cause says why."""
        try:
            entry.check_launch(config)
        except Exception as error:
            raise entry.Refused from error
