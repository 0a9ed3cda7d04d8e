"""Ctrl-C, SIGTERM and SIGHUP: one ends in order, two end at once; neither leaves children, scratch files or claims."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.util import signals

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ("task=arithmetic", "model=simulated", "runs.count=3000", "runs.concurrency=3")
TWICE = (signal.SIGINT, signal.SIGINT)


class Started:
    """`python -m evalkit …` in a directory of its own, with its own directory for scratch files."""

    def __init__(self, folder: Path, *arguments: str, ignored: signal.Signals | None = None) -> None:
        self.folder = folder
        (folder / "tmp").mkdir(parents=True)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), "CI": "1"}

        def as_a_shell_does() -> None:
            for number in signals.ENDING:
                signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "evalkit", *arguments],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=as_a_shell_does,
        )
        self.family: set[int] = set()

    def wait_for(self, what) -> None:
        deadline = time.monotonic() + 60
        while not what():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def listens(self) -> bool:
        caught = next(
            line for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines() if "SigCgt" in line
        )
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    def samples(self) -> bool:
        return len(list(self.folder.glob("outputs/rollouts/*/*/*/*.jsonl"))) > 3

    def has_children(self) -> bool:
        return len(descendants(self.process.pid)) > 0

    def send(self, *numbers: signal.Signals) -> None:
        self.family = descendants(self.process.pid)
        for number in numbers:
            self.process.send_signal(number)
            time.sleep(0.01)

    def ended(self, number: signal.Signals) -> str:
        """Check that it ended as it should; what it printed."""
        printed, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == 128 + number, printed
        assert "Traceback" not in printed
        assert list((self.folder / "tmp").iterdir()) == []
        assert list(self.folder.rglob("*.claim")) == []
        assert [path for path in self.folder.rglob(".*.*") if path.is_file()] == []  # half-written files
        deadline = time.monotonic() + 5
        while alive := [pid for pid in self.family if running(pid)]:
            assert time.monotonic() < deadline, alive
            time.sleep(0.05)
        return printed


def parents() -> dict[int, int]:
    """Process id → its parent's."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.parent.name)] = int(fields[1])
    return found


def descendants(pid: int) -> set[int]:
    above, found = parents(), {pid}
    while more := {child for child, parent in above.items() if parent in found} - found:
        found |= more
    return found - {pid}


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_every_ending_signal_ends_a_launch_in_order(tmp_path):
    started = {number: Started(tmp_path / number.name, *LAUNCH) for number in signals.ENDING}
    for one in started.values():
        one.wait_for(one.samples)
    for number, one in started.items():
        one.send(number)
    for number, one in started.items():
        printed = one.ended(number)
        assert "the same command continues where it stopped" in printed
        (folder,) = one.folder.glob("outputs/arithmetic/*")
        assert f"resume {folder.relative_to(one.folder)}" in printed
        assert (number.name in printed) == (number != signal.SIGINT)


def test_a_second_signal_ends_at_once_and_leaves_nothing(tmp_path):
    level = "sandbox=landlock"  # working directories are on the host there
    several = [Started(tmp_path / str(number), *LAUNCH, level) for number in range(2)]
    for number, one in enumerate(several):
        one.wait_for(one.samples)
        time.sleep(0.02 * number)
        one.send(signal.SIGINT, (signal.SIGTERM, signal.SIGINT)[number % 2])
    for one in several:
        one.ended(signal.SIGINT)


def test_a_signal_while_everything_starts_is_heard(tmp_path):
    moments = {name: Started(tmp_path / name, *LAUNCH) for name in ("imports", "composes", "children")}
    moments["imports"].wait_for(moments["imports"].listens)
    moments["imports"].send(signal.SIGTERM)
    moments["composes"].wait_for(moments["composes"].listens)
    time.sleep(0.3)
    moments["composes"].send(signal.SIGHUP)
    moments["children"].wait_for(moments["children"].has_children)
    moments["children"].send(signal.SIGINT)
    moments["imports"].ended(signal.SIGTERM)
    moments["composes"].ended(signal.SIGHUP)
    moments["children"].ended(signal.SIGINT)


def test_verbs_and_searches_end_in_the_same_way(tmp_path):
    search = (
        "-m",
        "hydra/sweeper=find",
        "model=simulated",
        "task=positional_attention",
        "task.data=seeded",
        "task.sequence_length=range(2,12)",
    )
    audit = Started(tmp_path / "audit", "audit", "task=positional_attention")
    find = Started(tmp_path / "find", *search)
    audit.wait_for(audit.has_children)
    audit.send(signal.SIGTERM)
    find.wait_for(find.samples)
    find.send(signal.SIGHUP)
    assert "audit" in audit.ended(signal.SIGTERM)
    printed = find.ended(signal.SIGHUP)
    assert "the same command continues" in printed and "resume" not in printed


def test_what_the_parent_wants_ignored_stays_ignored(tmp_path):
    started = Started(tmp_path / "nohup", *LAUNCH, ignored=signal.SIGHUP)
    started.wait_for(started.listens)
    started.send(signal.SIGHUP)
    time.sleep(0.3)
    assert started.process.poll() is None
    started.send(signal.SIGTERM)
    started.ended(signal.SIGTERM)


def test_what_runs_on_a_loop_is_cancelled_and_cleans_up_after_itself():
    cleaned = []

    async def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(True)

    with pytest.raises(signals.Interrupted) as caught, signals.end_orderly():
        signals.run(work())
    assert caught.value.number == signal.SIGTERM
    assert cleaned


def test_a_signal_between_two_loops_is_raised_and_the_handlers_are_given_back():
    own = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under `nohup` it would stay ignored
    before = [signal.getsignal(number) for number in signals.ENDING]
    done = []
    with pytest.raises(signals.Interrupted), signals.end_orderly():
        signals.add_last_rite(lambda: done.append(1))
        forget = signals.add_last_rite(lambda: done.append(2))
        forget()
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(1)
    assert done == [1]
    assert [signal.getsignal(number) for number in signals.ENDING] == before
    signal.signal(signal.SIGHUP, own)


def test_an_error_that_an_ending_signal_has_caused_is_its_end():
    with pytest.raises(signals.Interrupted), signals.end_orderly():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        finally:
            raise AttributeError("what a library says whose import was cut in two")


def test_a_signal_that_ended_one_call_is_forgotten_by_the_next():
    async def work() -> int:
        return 7

    with pytest.raises(signals.Interrupted), signals.end_orderly():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert signals.run(work()) == 7


def test_a_process_that_must_end_at_once_takes_half_written_files_with_it(tmp_path):
    code = f"""
import os, signal
from pathlib import Path
from evalkit.util import signals
from evalkit.util.files import replacing
with signals.end_orderly():
    with replacing(Path({str(tmp_path / "whole.json")!r})) as file:
        os.write(file, b"half")
        assert len(list(Path({str(tmp_path)!r}).iterdir())) == 1
        signals._received.append(signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, "interrupted twice" in done.stderr) == (130, True)
    assert list(tmp_path.iterdir()) == []
