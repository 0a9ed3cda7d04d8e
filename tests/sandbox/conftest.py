"""One sandbox for all tests of a module that only need sessions (starting one costs seconds), and a test per level."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import Sandbox, Session, open_sandbox
from evalkit.sandbox.local.start import LEVELS
from tests.sandbox import levels

LIMITS = SandboxConfig(allow_weak=True, memory_mb=512, output_kb=8, pool=2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with open_sandbox(LIMITS) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(loop_scope="module")
async def session(sandbox: Sandbox) -> AsyncIterator[Session]:
    async with sandbox.session(seed=7) as session:
        yield session


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Every level that holds here."""
    levels.require(request.param)
    return str(request.param)
