"""Shared by all tests: task plugins are importable as `evalkit_tasks.<name>`, and a Messages API server is at hand."""

from hypothesis import settings

from evalkit import plugins
from tests.servers.fixtures import messages_api, messages_server

__all__ = ["messages_api", "messages_server"]

plugins.expose()
settings.register_profile("evalkit", deadline=None)  # a busy machine is no failure
settings.load_profile("evalkit")
