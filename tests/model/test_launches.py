"""Whole launches over a real socket: faults change no grade, lasting ones are errors, and a key is written nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fixtures import ROOT, MessagesServer

SOON = {"retry-after-ms": "10"}
KEY = "sk-ant-planted-key"
SAME = ("run", "outcome", "ending", "category", "message", "score", "checks", "output_tokens", "steps", "tool_errors")


@pytest.fixture(scope="module")
def arithmetic_api() -> Iterator[MessagesServer]:
    """A server that plays the simulated agents of `arithmetic`."""
    server = MessagesServer("--task", "arithmetic")
    yield server
    server.stop()


def launch(folder: Path, *overrides: str) -> tuple[int, str, list[dict[str, Any]]]:
    """Exit status, everything printed, and the facts of each run."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "evalkit", "task=arithmetic", "runs.count=6", "hydra.run.dir=out", *overrides]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "ANTHROPIC_API_KEY": KEY, "CI": "1"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    lines = folder / "out" / "runs.jsonl"
    runs = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    return done.returncode, done.stdout + done.stderr, [{name: run[name] for name in SAME} for run in runs]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the embedded model plays: no socket, no fault."""
    status, said, runs = launch(tmp_path_factory.mktemp("embedded"), "model=simulated")
    assert (status, len(runs)) == (0, 6), said
    return runs


@pytest.mark.parametrize("stream", ["never", "always"])
def test_faults_that_pass_change_no_grade(
    stream: str, undisturbed: list[dict[str, Any]], arithmetic_api: MessagesServer, tmp_path: Path
) -> None:
    busy = [{"kind": "status", "status": status, "headers": SOON} for status in (429, 529, 500)]
    others = [{"kind": "drop"}, {"kind": "cut"}, {"kind": "malformed"}, {"kind": "slow", "seconds": 0.2}]
    plan = [fault for planned in (*busy, *others) for fault in (planned, None)]
    arithmetic_api.set_up(plan=plan)
    status, said, runs = launch(
        tmp_path, "model=local", f"model.base_url={arithmetic_api.url}", f"model.stream={stream}"
    )
    assert (status, runs) == (0, undisturbed), said
    assert all(arithmetic_api.counts[kind] for kind in ("status", "drop", "cut", "malformed", "slow"))


def test_faults_that_stay_are_errors_and_a_key_is_written_nowhere(
    undisturbed: list[dict[str, Any]], arithmetic_api: MessagesServer, tmp_path: Path
) -> None:
    before = sum(run["steps"] for run in undisturbed[:2])
    arithmetic_api.set_up(plan=[None] * before + [{"kind": "status", "status": 500, "headers": SOON}] * 100)
    status, said, runs = launch(tmp_path, "model=local", f"model.base_url={arithmetic_api.url}", "model.max_retries=1")
    assert status == 1, said
    assert runs[:2] == undisturbed[:2]
    assert {run["outcome"] for run in runs[2:]} == {"error"}
    assert arithmetic_api.counts["asked"] == before + 2 * 4
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(KEY.encode() in content for content in written)
    assert KEY not in said + str(arithmetic_api.requests)


@pytest.mark.parametrize(
    ("overrides", "fix"),
    [
        (["model=local", "model.base_url=http://127.0.0.1:9", "model.max_retries=0"], "correct model.base_url"),
        (["model=replay", "model.replay_from=missing"], "output directory of an earlier launch"),
        (["model=simulated", "model.kind=simulatd"], "use one of"),
        (["model=claude", "+model.headers.x-api-key=typed"], "in the environment instead"),
    ],
)
def test_a_wrong_model_setting_is_one_sentence_and_writes_nothing(
    overrides: list[str], fix: str, tmp_path: Path
) -> None:
    status, said, _ = launch(tmp_path, *overrides)
    assert (status, "Traceback" in said, KEY in said) == (2, False, False)
    assert fix in " ".join(said.split())
    assert list(tmp_path.iterdir()) == []
