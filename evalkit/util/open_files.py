"""Open files: how many this process may have, and how many rollouts that is enough for."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from evalkit.util.errors import UserError

LEAST = 64
"""What one sandbox needs to start and to run one rollout at a time (measured: 10 rollouts at once end well with 64)."""
MAX_LIVE = 256
"""Rollouts that hold children at the same time; the others wait with their first call."""
_CHILDREN = 8
"""For a rollout that holds children: four for its own, four for the one that grades it."""
_ROLLOUT = 3
"""For every rollout under way: its journal, its connection, a file that is being read or written."""
_SPARE = 64
"""For the rest: modules that are imported, pipes of a sandbox, the log."""


def allow(rollouts: int) -> int:
    """How many rollouts, of so many that are wanted, may run at once; asks for as many open files as that takes.

    Raises `UserError` where there are not even enough for one sandbox.
    """
    rest = _open() + _SPARE
    soft = _raise_to(max(LEAST, rest + rollouts * _ROLLOUT + min(rollouts, MAX_LIVE) * _CHILDREN))
    if soft < LEAST:
        raise UserError(
            f"this process may have {soft} open files, and {LEAST} are needed: raise the limit with "
            f"`ulimit -n 1024`, or that of the container or service"
        )
    few, many = (soft - rest) // (_ROLLOUT + _CHILDREN), (soft - rest - MAX_LIVE * _CHILDREN) // _ROLLOUT
    return max(1, min(rollouts, many if few > MAX_LIVE else few))


def limit() -> int:
    """How many open files this process may have now."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 30 if soft == resource.RLIM_INFINITY else soft


def _raise_to(wanted: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        better = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):  # macOS has a second limit that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (better, hard))
    return limit()


def _open() -> int:
    folder = Path(f"/proc/{os.getpid()}/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 32
