"""Open files: the limit is raised as far as it may be, and no more is begun than there is room for."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ALLOW = """
import resource, sys
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from evalkit.util.open_files import allow, limit
from evalkit.util.errors import UserError
try:
    print(allow(wanted), limit())
except UserError as error:
    print(error)
"""


def allowed(soft: int, hard: int, wanted: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ALLOW, str(soft), str(hard), str(wanted)], cwd=ROOT, capture_output=True, text=True
    )
    assert not done.stderr
    return done.stdout.strip()


def test_the_soft_limit_is_raised_to_what_is_needed():
    rollouts, limit = map(int, allowed(256, 20_000, 800).split())
    assert rollouts == 800
    assert 800 * 3 < limit < 20_000


def test_fewer_run_at_once_where_the_hard_limit_is_low():
    rollouts, limit = map(int, allowed(1024, 1024, 800).split())
    assert limit == 1024
    assert 50 <= rollouts <= 100
    rollouts, limit = map(int, allowed(4096, 4096, 5_000).split())
    assert limit == 4096
    assert 300 <= rollouts <= 1_000
    assert allowed(1024, 1024, 1).split()[0] == "1"


def test_too_few_for_a_sandbox_is_one_sentence_with_the_fix(tmp_path):
    assert "ulimit -n" in allowed(40, 40, 1)
    done = subprocess.run(
        ["bash", "-c", f"ulimit -n 40; exec {sys.executable} -m evalkit task=arithmetic model=simulated"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "40 open files" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


def test_a_launch_that_asks_for_more_than_there_is_room_for_runs_fewer_at_once_and_says_so(tmp_path):
    arguments = "task=arithmetic model=simulated runs.count=60 runs.concurrency=800"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -n 600; exec {sys.executable} -m evalkit {arguments}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "at once, not 60: this process may have 600 open files" in done.stdout
