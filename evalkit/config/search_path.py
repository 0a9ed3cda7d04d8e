"""Search path for conf/ and tasks/: bundled with the package, in the current directory, and in $EVALKIT_PATH."""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from evalkit.util.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of evalkit's own code."""
NAMESPACE = "evalkit_tasks"
"""Task plugins are imported as `evalkit_tasks.<name>`, wherever their folder lies."""


@cache
def bundled(kind: str) -> Path:
    """The shipped `conf` or `tasks` folder: inside an installed wheel, or beside the package in a checkout."""
    inside = PACKAGE / "_bundled" / kind
    return inside if inside.is_dir() else PACKAGE.parent / kind


def user_roots() -> list[Path]:
    """Folders whose conf/ and tasks/ join the shipped ones: $EVALKIT_PATH, then the current directory."""
    listed = [Path(part) for part in os.environ.get("EVALKIT_PATH", "").split(os.pathsep) if part]
    return [root.resolve() for root in (*listed, Path.cwd())]


@contextmanager
def also_at(roots: Sequence[Path]) -> Iterator[None]:
    """Look for tasks there, too, where the other folders have none of that name."""
    before = list(_further)
    _further[:] = [*before, *roots]
    try:
        yield
    finally:
        _further[:] = before


_further: list[Path] = []
"""Roots that are looked at last: where a launch that is read again found its tasks."""


def folders(kind: str) -> list[Path]:
    """Every `conf` or `tasks` folder there is, the shipped one first, none twice."""
    found = [bundled(kind), *(root / kind for root in user_roots())]
    return list(dict.fromkeys(path for path in found if path.is_dir()))


def find_data(name: str, knob: str) -> Path:
    """A data file that a knob names, from the current directory or a root. Raises `UserError` where there is none."""
    roots = [Path.cwd(), *user_roots(), *_further]
    found = next((path for root in roots if (path := root / Path(name).expanduser()).is_file()), None)
    if found is None:
        raise UserError(f"{knob}={name} is not a file: evalkit looks in the current directory and in EVALKIT_PATH")
    return found.resolve()


def task_folders() -> dict[str, list[Path]]:
    """Plugin name → the folders that define it. More than one folder is a mistake that the caller reports."""
    found: dict[str, list[Path]] = {}
    for folder in folders("tasks"):
        for path in sorted(folder.iterdir()):
            if (path / "__init__.py").is_file():
                found.setdefault(path.name, []).append(path)
    for root in _further:
        for path in (root / "tasks").glob("*/__init__.py"):
            found.setdefault(path.parent.name, [path.parent])
    return found


def own_folder(name: str) -> Path:
    """`tasks/<name>`, with or without code in it; that of the current directory if there is none."""
    roots = [*folders("tasks"), *(root / "tasks" for root in _further)]
    return next((root / name for root in roots if (root / name).is_dir()), Path("tasks") / name)


def config_files(group: str) -> list[Path]:
    """The files of a config group wherever evalkit looks, such as every `conf/task/*.yaml`."""
    roots = [*folders("conf"), *(root / "conf" for root in _further)]
    return list(dict.fromkeys(path for root in roots for path in sorted((root / group).glob("*.yaml"))))


def reject_duplicates() -> None:
    """Raise `UserError` where one name means two different things: Hydra and Python would each pick another one."""
    for paths in (*task_folders().values(), *_config_files().values()):
        for other in paths[1:]:
            if not _same(paths[0], other):
                raise UserError(f"{paths[0]} and {other} have the same name but differ: rename yours")


def _config_files() -> dict[str, list[Path]]:
    """`task/arithmetic.yaml` → the files of that name."""
    found: dict[str, list[Path]] = {}
    for folder in folders("conf"):
        for path in folder.rglob("*.yaml"):
            found.setdefault(path.relative_to(folder).as_posix(), []).append(path)
    return found


def _same(one: Path, other: Path) -> bool:
    """Whether two files, or two plugin folders, are equal, as when an installed copy meets its checkout."""
    if one.is_file() and other.is_file():
        return one.read_bytes() == other.read_bytes()
    parts = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if _is_source(path)}
        for folder in (one, other)
    ]
    return parts[0] == parts[1]


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def expose() -> None:
    """Make `import evalkit_tasks.<name>` find every tasks folder."""
    if NAMESPACE not in sys.modules:
        package = types.ModuleType(NAMESPACE)
        package.__spec__ = importlib.machinery.ModuleSpec(NAMESPACE, None, is_package=True)
        sys.modules[NAMESPACE] = package
    further = [str(root / "tasks") for root in _further]
    sys.modules[NAMESPACE].__path__ = [*(str(path) for path in folders("tasks")), *further]


def import_task(name: str) -> types.ModuleType:
    """The plugin's package. Raises whatever its code raises; ModuleNotFoundError if there is none."""
    expose()
    return importlib.import_module(f"{NAMESPACE}.{name}")
