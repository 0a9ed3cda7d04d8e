"""Where conf/ and tasks/ are: bundled with the package, in the current directory, and in $EVALKIT_PATH."""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
import types
from functools import cache
from pathlib import Path

NAMESPACE = "evalkit_tasks"
"""Task plugins are imported as `evalkit_tasks.<name>`, wherever their folder lies."""


@cache
def bundled(kind: str) -> Path:
    """The shipped `conf` or `tasks` folder: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "_bundled" / kind
    return inside if inside.is_dir() else package.parent / kind


def user_roots() -> list[Path]:
    """Folders whose conf/ and tasks/ join the shipped ones: $EVALKIT_PATH, then the current directory."""
    listed = [Path(part) for part in os.environ.get("EVALKIT_PATH", "").split(os.pathsep) if part]
    return [root.resolve() for root in (*listed, Path.cwd())]


def folders(kind: str) -> list[Path]:
    """Every `conf` or `tasks` folder there is, the shipped one first, none twice."""
    found = [bundled(kind), *(root / kind for root in user_roots())]
    return list(dict.fromkeys(path for path in found if path.is_dir()))


def task_folders() -> dict[str, list[Path]]:
    """Plugin name → the folders that define it. More than one folder is a mistake that the caller reports."""
    found: dict[str, list[Path]] = {}
    for folder in folders("tasks"):
        for path in sorted(folder.iterdir()):
            if (path / "__init__.py").is_file():
                found.setdefault(path.name, []).append(path)
    return found


def expose() -> None:
    """Make `import evalkit_tasks.<name>` find every tasks folder."""
    if NAMESPACE not in sys.modules:
        package = types.ModuleType(NAMESPACE)
        package.__spec__ = importlib.machinery.ModuleSpec(NAMESPACE, None, is_package=True)
        sys.modules[NAMESPACE] = package
    sys.modules[NAMESPACE].__path__ = [str(path) for path in folders("tasks")]


def import_task(name: str) -> types.ModuleType:
    """The plugin's package. Raises whatever its code raises; ModuleNotFoundError if there is none."""
    expose()
    return importlib.import_module(f"{NAMESPACE}.{name}")
