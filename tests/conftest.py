"""Shared by all tests: task plugins are importable as `evalkit_tasks.<name>`, and a Messages API server is at hand."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from evalkit.config import search_path
from tests.servers.fixtures import messages_api, messages_server

__all__ = ["messages_api", "messages_server"]

os.environ.pop("COLUMNS", None)  # whose terminal it is that the tests run in changes nothing
search_path.expose()
ROOT = Path(__file__).resolve().parents[1]
examples: dict[str, Any] = {} if os.access(ROOT, os.W_OK) else {"database": None}  # where failing examples are kept
settings.register_profile("evalkit", deadline=None, **examples)  # a busy machine is not a failure
settings.load_profile("evalkit")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was printed and logged, without half characters: a worker of pytest-xdist cannot send them.

    Skips of one reason become one line of the summary, wherever they were raised.
    """
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    if report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (str(Path(__file__).parent), None, report.longrepr[2])  # type: ignore[assignment]
    return report
