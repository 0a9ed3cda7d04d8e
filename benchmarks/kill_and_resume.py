"""Kills a launch with SIGKILL at random moments, again and again, and counts what was paid for twice.

    python -m benchmarks.kill_and_resume --kills 100

A Messages API server of the tests plays simulated agents on loopback and counts every answer that it delivers. An
undisturbed launch says how many answers the runs need; the difference is what dying cost. Ends with status 1 if the
runs differ from those of the undisturbed launch or more was paid again than one answer in flight per kill and worker.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.servers.fixtures import MessagesServer

ROOT = Path(__file__).resolve().parents[1]


def command(server: MessagesServer, store: Path, out: Path, runs: int, workers: int) -> list[str]:
    """A launch against the server."""
    return [
        *(sys.executable, "-m", "evalkit", "task=positional_attention", "task.data=seeded"),
        *("model=local", "model.id=scripted", f"model.base_url={server.url}", f"store={store}"),
        *(f"runs.count={runs}", f"runs.concurrency={workers}", f"hydra.run.dir={out}"),
    ]


def start(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a launch in the background; what it prints is appended to `output.txt`."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "1"}
    with (folder / "output.txt").open("a") as output:
        return subprocess.Popen(words, cwd=folder, env=env, stdout=output, stderr=output)


def finish(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Let a launch end by itself, which it must do well."""
    if process.wait(600):
        raise SystemExit((folder / "output.txt").read_text()[-3000:])


def killed(process: subprocess.Popen[bytes], server: MessagesServer, rng: random.Random) -> bool:
    """Kill a launch a few answers and milliseconds after it has begun to sample. False if it ended before."""
    enough = server.counts.get("asked", 0) + rng.randint(0, 2)
    while server.counts.get("asked", 0) <= enough:
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.05))
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        setup = ("--task", "positional_attention", "task.data=seeded", f"runs.count={chosen.runs}")
        server = MessagesServer(*setup)
        try:
            finish(
                start(command(server, folder / "one", folder / "whole", chosen.runs, chosen.workers), folder), folder
            )
            needed = server.counts["answered"]
            words = command(server, folder / "two", folder / "resumed", chosen.runs, chosen.workers)
            kills = 0
            while kills < chosen.kills and killed(process := start(words, folder), server, rng):
                kills += 1
            finish(process if kills < chosen.kills else start(words, folder), folder)
            paid = server.counts["answered"] - needed
        finally:
            server.stop()
        same = [(folder / kind / "runs.jsonl").read_text() for kind in ("whole", "resumed")]
    report = {
        "runs": chosen.runs,
        "answers needed": needed,
        "kills": kills,
        "answers paid again": paid - needed,
        "bound (kills x workers)": kills * chosen.workers,
        "same runs": same[0] == same[1],
    }
    print(json.dumps(report, indent=1))
    return 0 if report["same runs"] and paid - needed <= kills * chosen.workers else 1


if __name__ == "__main__":
    sys.exit(main())
