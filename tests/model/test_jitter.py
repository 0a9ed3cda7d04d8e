"""Calls that waited together do not leave together, against a server on loopback."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

import pytest

from tests.model.conftest import Opener, ask
from tests.servers.fixtures import MessagesServer

CALLS = 24
OVER = 0.5
"""Seconds: a quarter of the pause of two. Evenly spread over it, moments have a standard deviation of OVER / 3.5."""


async def moments(opened: Opener, api: MessagesServer, fault: dict[str, Any]) -> list[list[float]]:
    """When each of many calls, which all met the fault once, reached the server."""
    api.set_up(plan=[fault] * CALLS)
    model = opened(base_url=api.url, max_retries=3)
    await asyncio.gather(*(model.respond(ask(run=run, text=f"Call {run}.")) for run in range(1, CALLS + 1)))
    found: dict[str, list[float]] = {}
    for request in api.requests:
        found.setdefault(str(request["body"]["messages"]), []).append(request["at"])
    assert [len(times) for times in found.values()] == [2] * CALLS
    return list(found.values())


async def test_calls_that_waited_for_the_gate_leave_spread(opened: Opener, messages_api: MessagesServer) -> None:
    refusal = {"kind": "status", "status": 429, "headers": {"retry-after": "2"}}
    again = [times[1] for times in await moments(opened, messages_api, refusal)]
    assert statistics.pstdev(again) > OVER / 8


async def test_calls_that_failed_wait_for_different_times(
    opened: Opener, messages_api: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.model.anthropic.backoff.FIRST_S", 2.0)
    pauses = [
        after - before for before, after in await moments(opened, messages_api, {"kind": "status", "status": 500})
    ]
    assert statistics.pstdev(pauses) > OVER / 8
