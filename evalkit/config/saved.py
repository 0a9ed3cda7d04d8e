"""Saved configs: reads those of output directories, and writes them where Hydra did not."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.config.checks import check_config
from evalkit.config.schema import Config
from evalkit.config.search_path import also_at
from evalkit.util import dotted
from evalkit.util.errors import UserError
from evalkit.util.files import write_atomically
from evalkit.util.yaml_files import read_yaml

if TYPE_CHECKING:  # OmegaConf is loaded by what reads a config only
    from omegaconf import DictConfig


def read_recorded(path: Path) -> Any:
    """A YAML file of an output directory. Raises `FileNotFoundError`, and `UserError` for a damaged one."""
    try:
        return read_yaml(path)
    except FileNotFoundError:
        raise
    except NotADirectoryError as error:
        raise FileNotFoundError(path) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    except ValueError as error:
        raise UserError(f"{path} is damaged: run the launch again, its rollouts are kept in the store") from error


def is_sweep(folder: Path) -> bool:
    """Whether a directory is that of a sweep. Other sweepers than ours (optuna's, …) write no `multirun.yaml`."""
    if (folder / "multirun.yaml").is_file():
        return True
    job = next(folder.glob("*/.hydra/hydra.yaml"), None)
    if job is None or (folder / ".hydra").exists():
        return False
    recorded_by_job = recorded(job.parent.parent)
    place = (recorded_by_job.get("sweep") or {}).get("dir")
    return recorded_by_job.get("mode") == "MULTIRUN" and Path(str(place)).name == folder.resolve().name


def read_node(folder: Path) -> DictConfig:
    """The composed config of an output directory, unresolved. Raises `UserError` if there is none."""
    from omegaconf import DictConfig, OmegaConf

    path = folder / ".hydra" / "config.yaml"
    try:
        node = OmegaConf.create(read_recorded(path) or "damaged")
    except FileNotFoundError as error:
        raise UserError(f"{folder} is not an evalkit output directory: it has no .hydra/config.yaml") from error
    if not isinstance(node, DictConfig) or "task" not in node:
        raise UserError(f"{path} is damaged: run the launch again, its rollouts are kept in the store")
    return node


def read_config(folder: Path, overrides: Sequence[str] = ()) -> Config:
    """The checked config of an output directory with `key=value` overrides. Raises `UserError` for bad ones."""
    from evalkit.config.typed import to_config  # loads Hydra, which most commands do without

    node = read_node(folder)
    for override in overrides:
        _apply(node, override)
    config = to_config(node)
    check_config(config)
    return config


def _apply(node: DictConfig, override: str) -> None:
    """One override: an existing key, its value read as YAML like Hydra does for scalars and lists."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    key, _, value = override.partition("=")
    if not key or "=" not in override:
        raise UserError(f"{override} is not an override: write key=value, such as task.tolerances.output=0.02")
    if OmegaConf.select(node, key, default=None) is None and not _known(node, key):
        raise UserError(f"Unknown config key {key}: this launch's .hydra/config.yaml lists all keys")
    try:
        OmegaConf.update(node, key, OmegaConf.create(f"value: {value}").value)
    except (OmegaConfBaseException, ValueError) as error:
        raise UserError(f"{override} cannot be applied: {str(error).splitlines()[0]}") from error


def _known(node: DictConfig, key: str) -> bool:
    """Whether a key exists although its value is null."""
    from omegaconf import DictConfig, OmegaConf

    *path, last = key.split(".")
    holder = OmegaConf.select(node, ".".join(path)) if path else node
    return isinstance(holder, DictConfig) and last in holder


@contextmanager
def launched_from(folder: Path) -> Iterator[Path]:
    """Work in the directory where the launch of `folder` was started, whose tasks, store and files its config names.

    Gives the folder as it is called from there. Where that directory is gone, and for launches from Python, nothing
    changes; tasks of the current directory are found as well.
    """
    known = recorded(folder).get("runtime", {})
    place = Path(known.get("cwd") or ".")
    if not place.is_dir() or place.samefile("."):
        yield folder
        return
    sources = [source["path"] for source in known.get("config_sources", ()) if source.get("provider") == "evalkit-user"]
    absolute = folder.resolve()
    with also_at([Path.cwd(), *(Path(source).parent for source in sources)]), chdir(place):
        yield absolute


def recorded(folder: Path) -> dict[str, Any]:
    """What Hydra recorded of itself in a directory or in that of its sweep; empty where it recorded nothing."""
    for path in (folder / ".hydra" / "hydra.yaml", folder / "multirun.yaml", folder.parent / "multirun.yaml"):
        try:
            found = read_recorded(path)["hydra"]
        except (FileNotFoundError, TypeError, KeyError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def write_config(folder: Path, config: Config, overrides: Mapping[str, object]) -> None:
    """`.hydra/config.yaml` and `overrides.yaml`, so that the directory is complete and can be resumed."""
    import yaml

    own = folder / ".hydra"
    own.mkdir(parents=True, exist_ok=True)
    listed = [f"{key}={value}" for key, value in overrides.items()]
    write_atomically(own / "config.yaml", yaml.safe_dump(asdict(config), sort_keys=False, allow_unicode=True))
    write_atomically(own / "overrides.yaml", yaml.safe_dump(listed, allow_unicode=True))


def with_knob(config: Config, knob: str, value: object) -> Config:
    """A copy of the config with one knob, by its full name, set."""
    changed = copy.deepcopy(config)
    dotted.put(changed, knob, value)
    return changed
