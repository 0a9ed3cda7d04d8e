"""Killed with SIGKILL at random moments, a launch ends with the runs of an undisturbed one. The benchmark does 100."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_a_launch_survives_being_killed_again_and_again():
    command = [sys.executable, "-m", "benchmarks.kill_and_resume", "--kills", "5", "--runs", "14", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["same runs"]
    assert report["kills"] >= 3
    assert 0 <= report["answers paid again"] <= report["bound (kills x workers)"]
