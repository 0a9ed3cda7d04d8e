"""Hydra setup: schema, default model, resolvers, search path and plugins."""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
from typing import Any

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from evalkit.config.schema import Config
from evalkit.config.search_path import PACKAGE, folders

FOLDER_LENGTH = 100
"""Longest name of a cell's folder; file systems allow 255 bytes, and the path around it needs room."""


IS_1_3 = hydra.__version__.startswith("1.3")
MAIN_OPTIONS: dict[str, Any] = (
    {"version_base": "1.3"}
    if IS_1_3
    else {"execution_whitelist": ["evalkit.launch.hydra.*", "hydra.*", "hydra_plugins.*"]}
)
"""Hydra 1.4 refuses to call what a config names unless it is listed, and drops `version_base`."""


class UserFolders(SearchPathPlugin):
    """Finds the conf/ of the current directory and of $EVALKIT_PATH beside the shipped one."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append them; `--config-dir` is handled by Hydra itself."""
        for folder in folders("conf")[1:]:
            search_path.append("evalkit-user", f"file://{folder}")


def folder_name(*parts: object) -> str:
    """A safe file name that says what `parts` say: no separators, quotes or spaces, cut and hashed where too long."""
    text = "_".join(str(part) for part in parts if str(part))
    name = re.sub(r"[^\w.,=+-]+", "-", text, flags=re.ASCII).strip("-.") or "default"
    if name == text and len(name) <= FOLDER_LENGTH:
        return name
    return f"{name[: FOLDER_LENGTH - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def task_name(choice: str | None) -> str:
    """The folder for a task's output; Hydra knows no choice for a sweep over several."""
    return folder_name("several" if choice is None else choice)


def cell_name(number: int, overrides: str) -> str:
    """`003_limits.max_tokens=2900`: the folder of one cell of a sweep, in an order that `ls` keeps."""
    return folder_name(f"{number:03d}", overrides)


def install(default_model: str) -> None:
    """Tell Hydra everything. Safe to call again: the last default model counts."""
    store = ConfigStore.instance()
    again: dict[str, Any] = {} if IS_1_3 else {"replace": True}
    store.store(name="schema", node=Config, provider="evalkit", **again)
    store.store(name="default_model", node={"defaults": [{"model": default_model}]}, provider="evalkit", **again)
    register: Any = OmegaConf.register_new_resolver if IS_1_3 else OmegaConf.register_resolver
    register("evalkit.unique", lambda: secrets.token_hex(2), use_cache=True, replace=True)
    register("evalkit.task", task_name, replace=True)
    register("evalkit.cell", cell_name, replace=True)
    here = str(PACKAGE / "launch" / "hydra")
    if here not in sys.path:
        sys.path.append(here)  # the scan for plugins finds hydra_plugins/ only there
    plugins = Plugins.instance()
    if UserFolders not in plugins.discover(SearchPathPlugin):
        plugins.register(UserFolders)
