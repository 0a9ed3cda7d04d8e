"""Launches inside the test process: compose a config as the command line does, run it with the real engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from evalkit.config import hydra_setup
from evalkit.config.schema import Config
from evalkit.config.search_path import bundled
from evalkit.engine.cells import Cell, CellResult
from evalkit.launch.pipeline import execute


class Watcher:
    """A view that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.events: list[tuple[Any, ...]] = []

    def begin(self, cells: Any) -> None:
        self.cells = cells

    def note(self, text: str) -> None:
        self.notes.append(text)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.events.append((name, *arguments))


def config_for(*overrides: str, store: Path | str = "outputs/rollouts") -> Config:
    """The config of `python -m evalkit <overrides>`."""
    hydra_setup.install("simulated")
    with initialize_config_dir(str(bundled("conf")), version_base="1.3"):
        node = compose("config", overrides=[*overrides, f"store={store}"])
    config = OmegaConf.to_object(node)
    assert isinstance(config, Config)
    return config


async def launch(folder: Path, *overrides: str, store: Path | str, view: Any = None) -> CellResult:
    """One launch of one cell into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (result,) = await execute([Cell(config_for(*overrides, store=store), folder)], view or Watcher())
    return result
