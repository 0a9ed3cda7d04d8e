"""One set of resources for all audits of a module: starting a sandbox costs a second or two."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from evalkit.sampling.resources import Resources


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def resources() -> AsyncIterator[Resources]:
    resources = Resources()
    yield resources
    await resources.close()
