"""Packages that some tasks need and evalkit does not install by itself, and the command that installs one."""

from __future__ import annotations

import importlib.util

OPTIONAL = {"mcp": "mcp>=2.3", "torch": "torch>=2.13"}
"""Module → requirement, as the extra of that name in pyproject.toml has it."""

_DISTRIBUTIONS = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Module → the package that holds it, where that has another name."""


def installed(module: str) -> bool:
    """Whether a module can be found; a top-level one is not imported for that, of others what they lie in is."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # what it should lie in is missing, or is no package
        return False


def install_command(module: str) -> str:
    """What to type to get a module."""
    top = module.partition(".")[0]
    requirement = OPTIONAL.get(top) or _DISTRIBUTIONS.get(top, top)
    plain = requirement.replace("-", "_").isidentifier()
    return f"pip install {requirement}" if plain else f"pip install '{requirement}'"


def how_to_get(error: BaseException) -> str:
    """The end of a sentence about an import that failed because an optional package is missing; else nothing."""
    if isinstance(error, ModuleNotFoundError) and error.name in OPTIONAL:
        return f": {install_command(error.name)}"
    return ""
