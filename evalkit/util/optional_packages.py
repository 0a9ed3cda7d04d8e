"""Packages that some tasks need and evalkit does not install by itself, and the command that installs one."""

from __future__ import annotations

import importlib.util

OPTIONAL = {"torch": "torch>=2.13"}
"""Module → requirement, as the extra of that name in pyproject.toml has it."""


def installed(module: str) -> bool:
    """Whether a top-level module can be imported; it is not imported for that."""
    return importlib.util.find_spec(module) is not None


def install_command(module: str) -> str:
    """What to type to get a module."""
    requirement = OPTIONAL.get(module, module)
    return f"pip install {requirement}" if requirement.isidentifier() else f"pip install '{requirement}'"


def how_to_get(error: BaseException) -> str:
    """The end of a sentence about an import that failed because an optional package is missing; else nothing."""
    if isinstance(error, ModuleNotFoundError) and error.name in OPTIONAL:
        return f": {install_command(error.name)}"
    return ""
