"""The benchmark of faults at a small size: nothing lost, nothing paid twice beyond what was in flight, same bytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "scenario",
    [
        "kills --kills 4 --runs 12 --seed 3",
        "errors --runs 24 --workers 10",
        "stopped --seconds 9 --lease 4 --runs 30",
        "clocks --runs 12 --lease 3",
        "claims --claims 100",
    ],
)
def test_a_fault_costs_no_more_than_what_was_in_flight(scenario):
    command = [sys.executable, "-m", "benchmarks.faults", *scenario.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert json.loads(done.stdout)["ok"]
