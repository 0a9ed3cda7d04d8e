"""Shared by all tests: task plugins are importable as `evalkit_tasks.<name>`."""

from evalkit import plugins

plugins.expose()
