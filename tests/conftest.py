"""Shared by all tests: task plugins are importable as `evalkit_tasks.<name>`, and a Messages API server is at hand."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from evalkit import plugins
from tests.servers.fixtures import messages_api, messages_server

__all__ = ["messages_api", "messages_server"]

os.environ.pop("COLUMNS", None)  # whose terminal it is that the tests run in changes nothing
plugins.expose()
settings.register_profile("evalkit", deadline=None)  # a busy machine is no failure
settings.load_profile("evalkit")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was printed and logged, without half characters: a worker of pytest-xdist cannot send them."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report
