"""Which levels of isolation hold on this machine. What needs another one is skipped, with what to install."""

from __future__ import annotations

import asyncio
import functools
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from evalkit.cli.doctor import Level, examine
from evalkit.sandbox.local.start import LEVELS


@functools.cache
def _found() -> dict[str, Level]:
    with ThreadPoolExecutor(1) as thread:  # a test may ask from its own event loop
        diagnosis = thread.submit(lambda: asyncio.run(examine())).result()
    return {level.name: level for level in diagnosis.levels}


def require(level: str) -> None:
    """Skip the test that asks, unless `level` holds here."""
    found = _found()[level]
    if not found.holds:
        lacking(level, f"{found.reason}: {found.fix}" if found.fix else found.reason)


def lacking(level: str, reason: str) -> None:
    """Skip for this reason; fail where EVALKIT_REQUIRE_LEVEL promises the level, or a stronger one."""
    line = f"{level} does not hold here ({reason})"
    required = os.environ.get("EVALKIT_REQUIRE_LEVEL")
    if required and LEVELS.index(required) <= LEVELS.index(level):
        pytest.fail(line)
    pytest.skip(line)
