"""Versions of evalkit, Python and the packages that a result can depend on, and the commit of a checkout."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from evalkit.util.version import __version__

_PACKAGES = ("anthropic", "hydra-core", "numpy", "omegaconf", "scipy", "torch")


@cache
def versions() -> dict[str, str]:
    """Versions of evalkit, Python and the packages that a result can depend on."""
    found = {"evalkit": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def git_commit(folder: Path) -> str | None:
    """The commit of the checkout around `folder`, with `+changes` where tracked files differ from it."""
    ask = ["git", "-C", str(folder)]
    try:
        commit = subprocess.run([*ask, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        status = [*ask, "status", "--porcelain", "--untracked-files=no"]
        dirty = subprocess.run(status, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")
