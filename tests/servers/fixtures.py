"""The Messages API server of `messages_api.py` as fixtures: one process for a test session, a clean script per test."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class MessagesServer:
    """A running server. `url` is what `model.base_url` takes."""

    def __init__(self, *arguments: str) -> None:
        """`arguments` as on the command line, for example `--task arithmetic runs.seed=1`."""
        command = [sys.executable, "-m", "tests.servers.messages_api", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), "the server did not start"

    def set_up(self, **script: Any) -> None:
        """Start over with this script (`messages_api.State.set_up`)."""
        self._call(json.dumps(script).encode())

    @property
    def counts(self) -> dict[str, int]:
        """`asked`, `answered`, `output_tokens`, and how often each fault was played."""
        counts: dict[str, int] = self._call()["counts"]
        return counts

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Headers, bodies and moments (monotonic seconds) of the requests for messages."""
        requests: list[dict[str, Any]] = self._call()["requests"]
        return requests

    @property
    def refused(self) -> list[str]:
        """Why requests were refused that the real API would not take."""
        refused: list[str] = self._call()["refused"]
        return refused

    def _call(self, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.url}/control", data=body)
        with urllib.request.urlopen(request, timeout=10) as response:
            report: dict[str, Any] = json.loads(response.read())
        return report

    def stop(self) -> None:
        """End the process. Nothing that it was ever sent may be what the real API refuses."""
        refused = self.refused if self.process.poll() is None else []
        self.process.terminate()
        self.process.wait(timeout=10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        assert refused == []


@pytest.fixture(scope="session")
def messages_server() -> Iterator[MessagesServer]:
    """The process. Tests use `messages_api`."""
    server = MessagesServer()
    yield server
    server.stop()


@pytest.fixture
def messages_api(messages_server: MessagesServer) -> Iterator[MessagesServer]:
    """A server that says hello, faultless, with nothing on its mind. A request that the API refuses fails the test."""
    messages_server.set_up()
    before = messages_server.refused
    yield messages_server
    assert messages_server.refused == before
