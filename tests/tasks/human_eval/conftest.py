"""One sandbox, and one event loop to go with it, for all tests of this task."""

from pathlib import Path

import pytest
import pytest_asyncio

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import open_sandbox


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def sandbox():
    async with open_sandbox(SandboxConfig(allow_weak=True)) as opened:
        yield opened
