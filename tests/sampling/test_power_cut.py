"""A power cut in mid-launch: what `durability` promises of answers that something was done with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from evalkit.rollout.journal import load
from tests.power import after_the_cut
from tests.servers.fixtures import ROOT, MessagesServer
from tests.servers.messages_api import run_of

RUNS = 16
CALL = {"name": "python_expression", "input": {"expression": "print(8769)"}}
AGENTS = [
    {
        "name": "calculates",
        "turns": [
            *({"text": "Again.", "calls": [CALL], "tokens": {"median": 20}} for _ in range(3)),
            {"submit_output": True, "tokens": {"median": 20}},
        ],
    }
]


def cut(server: MessagesServer, folder: Path, after: int, durability: str) -> Path:
    """The store of a launch that lost power once the server had been asked `after` times."""
    server.set_up(agents=AGENTS, plan=[{"kind": "slow", "seconds": 0.05}], repeat=True)
    store = folder / "store"
    command = [sys.executable, "-m", "tests.power", str(folder / "shadow"), "task=arithmetic", "model=local",
               f"model.base_url={server.url}", f"runs.count={RUNS}", "runs.concurrency=8", "quiet=true",
               f"store={store}", f"hydra.run.dir={folder / 'out'}", f"durability={durability}"]  # fmt: skip
    launch = subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stdout=subprocess.DEVNULL)
    while server.counts.get("asked", 0) < after:
        assert launch.poll() is None
        time.sleep(0.005)
    launch.kill()
    launch.wait()
    after_the_cut(folder / "shadow", store)
    return store


def acknowledged(server: MessagesServer) -> Counter[int]:
    """Conversation → how many of its answers something was done with: the next request holds them."""
    seen: Counter[int] = Counter()
    for request in server.requests:
        body = request["body"]
        if (run := run_of(body)) is not None:
            seen[run] = max(seen[run], sum(message["role"] == "assistant" for message in body["messages"]))
    return seen


def kept(store: Path) -> list[int]:
    """How many answers the records hold, the longest first."""
    found = [len(load(path).rollout.turns) for path in store.rglob("[0-9]*.jsonl") if path.stat().st_size]
    return sorted(found, reverse=True)


@pytest.mark.parametrize("after", [9, 25, 41])
def test_a_power_cut_loses_no_answer_that_something_was_done_with(
    messages_api: MessagesServer, tmp_path: Path, after: int
) -> None:
    store = cut(messages_api, tmp_path, after, "full")
    wanted = sorted(acknowledged(messages_api).values(), reverse=True)
    held = kept(store)
    assert wanted and len(held) >= len(wanted)
    assert all(have >= want for have, want in zip(held, wanted, strict=False)), (held, wanted)


def test_with_the_system_alone_a_power_cut_loses_them(messages_api: MessagesServer, tmp_path: Path) -> None:
    store = cut(messages_api, tmp_path, 25, "os")
    assert acknowledged(messages_api) and kept(store) == []
