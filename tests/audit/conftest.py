"""One workbench for all audits of a module: starting a sandbox costs a second or two."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from evalkit.sampling.resources import Workbench


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncIterator[Workbench]:
    bench = Workbench()
    yield bench
    await bench.close()
