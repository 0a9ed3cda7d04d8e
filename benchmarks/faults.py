"""Launches under faults: what is lost, what is paid for twice, and whether the results are those of an undisturbed one.

    python -m benchmarks.faults kills --kills 150        signals at random moments: KILL, TERM, HUP, INT, two INTs
    python -m benchmarks.faults errors --runs 1000       a server that fails in eleven ways, three answers of ten
    python -m benchmarks.faults stopped --seconds 75     a process that stands still beside a second one
    python -m benchmarks.faults clocks --apart 120       two machines whose clocks differ
    python -m benchmarks.faults claims --claims 400      four processes after the claims of a dead one

A Messages API server of the tests plays simulated agents on loopback and counts every answer that it delivers. An
undisturbed launch says how many answers the runs need; the difference is what a fault cost. Every scenario prints its
figures as JSON and ends with status 1 if a promise did not hold.

A machine with another clock is a process of its own whose `time.time` is shifted, which stamps its claims by that
clock, and which says that it was booted elsewhere; other file times are those of this machine, as those of a file
server would be.
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.fixtures import MessagesServer

ROOT = Path(__file__).resolve().parents[1]
TASK = "positional_attention"
Report = dict[str, Any]

FAULTS: tuple[Mapping[str, Any], ...] = (
    *({"kind": "status", "status": status, "headers": {"retry-after": "0"}} for status in (429, 500, 502, 503, 529)),
    {"kind": "status", "status": 408, "headers": {}},
    {"kind": "status", "status": 504, "headers": {}},
    {"kind": "drop"},
    {"kind": "cut"},
    {"kind": "malformed"},
    {"kind": "slow", "seconds": 0.5},
)


def _hear_signals() -> None:
    """A shell that starts this in the background has SIGINT ignored, and launches would respect that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Scene:
    """A server, a folder, and launches of one task against it."""

    def __init__(self, folder: Path, runs: int, workers: int) -> None:
        self.folder, self.runs, self.workers = folder, runs, workers
        self.server = MessagesServer("--task", TASK, "task.data=seeded", f"runs.count={runs}")
        self.words = (
            *(f"task={TASK}", "task.data=seeded", "model=local", "model.id=scripted"),
            *(f"model.base_url={self.server.url}", "model.max_retries=30", "runs.max_errors=null"),
            *(f"runs.count={runs}", f"runs.concurrency={workers}"),
        )

    def start(self, store: str, out: str, *, lease: float = 60.0, clock: float = 0.0) -> subprocess.Popen[bytes]:
        """A launch in the background; what it prints is appended to `output.txt`."""
        own = ["launch", f"--lease={lease}", f"--clock={clock}", "--"] if lease != 60.0 or clock else []
        module = ["benchmarks.faults", *own] if own else ["evalkit"]
        command = [sys.executable, "-m", *module, *self.words, f"store={store}", f"hydra.run.dir={out}"]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "1"}
        with (self.folder / "output.txt").open("a") as output:
            return subprocess.Popen(
                command, cwd=self.folder, env=env, stdout=output, stderr=output, preexec_fn=_hear_signals
            )

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        """Let a launch end by itself, which it must do well."""
        if process.wait(3600):
            raise SystemExit((self.folder / "output.txt").read_text()[-3000:])

    def undisturbed(self) -> int:
        """How many answers the runs need."""
        self.finish(self.start("one", "whole"))
        return self.answered

    @property
    def answered(self) -> int:
        """Answers delivered so far."""
        return self.server.counts["answered"]

    def wait_for_answers(self, enough: int, process: subprocess.Popen[bytes]) -> bool:
        """Wait until so many were asked for; False if the launch ended before."""
        while self.server.counts.get("asked", 0) < enough:
            if process.poll() is not None:
                return False
            time.sleep(0.002)
        return True

    def same(self, *outs: str) -> bool:
        """Whether these launches have the bytes of the undisturbed one."""
        first = (self.folder / "whole" / "runs.jsonl").read_bytes()
        return all((self.folder / out / "runs.jsonl").read_bytes() == first for out in outs)


def kills(scene: Scene, chosen: argparse.Namespace) -> Report:
    """Signals at random moments, each time followed by the same command."""
    rng = random.Random(chosen.seed)
    needed = scene.undisturbed()
    ways = (("KILL",), ("TERM",), ("HUP",), ("INT",), ("INT", "INT"))
    done: dict[str, int] = {}
    hung = sum_of = 0
    process = scene.start("two", "resumed")
    while sum_of < chosen.kills and scene.wait_for_answers(
        scene.server.counts.get("asked", 0) + rng.randint(1, 3), process
    ):
        time.sleep(rng.uniform(0, 0.05))
        way = ways[sum_of % len(ways)]
        for name in way:
            process.send_signal(getattr(signal, f"SIG{name}"))
            time.sleep(0.005)
        hung += not _ends(process)
        done["+".join(way)] = done.get("+".join(way), 0) + 1
        sum_of += 1
        process = scene.start("two", "resumed")
    scene.finish(process)
    again = scene.answered - 2 * needed
    bound = sum_of * scene.workers
    return {
        "answers needed": needed,
        "kills": sum_of,
        "by signal": done,
        "hung": hung,
        "answers paid again": again,
        "bound (kills x workers)": bound,
        "same bytes": scene.same("resumed"),
        "scratch files left": len([path for path in (scene.folder / "two").rglob(".*") if path.is_file()]),
        "ok": scene.same("resumed") and 0 <= again <= bound and not hung,
    }


def _ends(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def errors(scene: Scene, chosen: argparse.Namespace) -> Report:
    """Three requests of ten meet a fault."""
    needed = scene.undisturbed()
    rng = random.Random(chosen.seed)
    plan: list[Mapping[str, Any] | None] = [None] * (7 * len(FAULTS)) + list(FAULTS) * 3
    rng.shuffle(plan)
    scene.server.set_up(plan=plan, repeat=True)
    scene.finish(scene.start("two", "faulty"))
    counts = scene.server.counts
    summary = json.loads((scene.folder / "faulty" / "summary.json").read_text())
    return {
        "requests": counts["asked"],
        "by fault": {kind: counts.get(kind, 0) for kind in ("status", "drop", "cut", "malformed", "slow")},
        "answers needed": needed,
        "answers paid": counts["answered"],
        "errors": summary["errors"],
        "same bytes": scene.same("faulty"),
        "ok": scene.same("faulty") and counts["answered"] == needed and not summary["errors"],
    }


def stopped(scene: Scene, chosen: argparse.Namespace) -> Report:
    """One of two processes stands still for longer than its lease, and wakes."""
    needed = scene.undisturbed()
    scene.server.set_up(plan=[{"kind": "slow", "seconds": 0.2}], repeat=True)
    still = scene.start("two", "still", lease=chosen.lease)
    while "step" not in _log(scene.folder / "still") or not list((scene.folder / "two").rglob("*.claim")):
        time.sleep(0.05)
    still.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    scene.finish(scene.start("two", "beside", lease=chosen.lease))  # which it cannot without the runs of the other
    time.sleep(max(0.0, stopped + chosen.seconds - time.monotonic()))
    still.send_signal(signal.SIGCONT)
    scene.finish(still)
    again = scene.answered - needed
    damaged = _damaged(scene.folder / "two")
    printed = " ".join((scene.folder / "output.txt").read_text().split())
    taken = printed.count("another one took the run over")
    return {
        "answers needed": needed,
        "stood still for s, at least": chosen.seconds,
        "runs taken over": taken,
        "answers paid again": again,
        "bound (in flight)": scene.workers,
        "damaged records": damaged,
        "same bytes": scene.same("still", "beside"),
        "ok": scene.same("still", "beside") and 0 <= again <= scene.workers and taken > 0 and not damaged,
    }


def _log(out: Path) -> str:
    path = out / "evalkit.log"
    return path.read_text() if path.exists() else ""


def _damaged(store: Path) -> int:
    from evalkit.rollout.journal import load

    loaded = [load(path) for path in store.rglob("[0-9]*.jsonl")]
    return sum(bool(one.damage) or not one.complete for one in loaded)


def clocks(scene: Scene, chosen: argparse.Namespace) -> Report:
    """Three machines share a store: one is ahead, one behind."""
    needed = scene.undisturbed()
    scene.server.set_up(plan=[{"kind": "slow", "seconds": 0.3}], repeat=True)
    shifts = {"here": 0.0, "ahead": chosen.apart, "behind": -chosen.apart}
    processes = [scene.start("two", name, lease=chosen.lease, clock=shift) for name, shift in shifts.items()]
    for process in processes:
        scene.finish(process)
    again = scene.answered
    return {
        "clocks apart by s": chosen.apart,
        "answers needed": needed,
        "answers paid": again,
        "damaged records": _damaged(scene.folder / "two"),
        "same bytes": scene.same(*shifts),
        "ok": scene.same(*shifts) and again == needed,
    }


RACE = """
import json, sys, time
from pathlib import Path
from evalkit.sampling.claims import Claims
folder, count = Path(sys.argv[1]), int(sys.argv[2])
known = Claims(folder)
claims = [known.of(run) for run in range(count)]
print("ready", flush=True)
sys.stdin.readline()
taken = [run for run, claim in enumerate(claims) if claim.take()]
print(json.dumps(taken), flush=True)
sys.stdin.readline()
print(json.dumps([run for run in taken if claims[run].held()]), flush=True)
"""


def claims(scene: Scene | None, chosen: argparse.Namespace) -> Report:
    """Many processes find the claims of a dead one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", LEAVE, str(folder), str(chosen.claims)], check=True, cwd=ROOT)
        command = [sys.executable, "-c", RACE, str(folder), str(chosen.claims)]
        workers = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(chosen.processes)
        ]
        steps: list[list[Any]] = []
        for _ in range(3):  # ready, taken, still held
            steps.append([worker.stdout and worker.stdout.readline() for worker in workers])
            for worker in workers:
                if worker.stdin and worker.poll() is None:
                    worker.stdin.write("\n")
                    worker.stdin.flush()
        for worker in workers:
            worker.communicate()
        left = len(list(folder.glob("*.heir")))
    taken, held = ([run for line in step for run in json.loads(line)] for step in steps[1:])
    return {
        "claims": chosen.claims,
        "processes": chosen.processes,
        "with two owners": len(taken) - len(set(taken)),
        "with one owner": len(set(held)),
        "heirs left": left,
        "ok": sorted(taken) == sorted(held) == list(range(chosen.claims)) and not left,
    }


LEAVE = """
import sys
from pathlib import Path
from evalkit.sampling.claims import Claims
known = Claims(Path(sys.argv[1]))
assert all([known.of(run).take() for run in range(int(sys.argv[2]))])
"""


def launch(words: Sequence[str], lease: float, clock: float) -> int:
    """`python -m evalkit` on a machine with another clock, or with another lease."""
    from evalkit.__main__ import main
    from evalkit.sampling import claims

    claims.LEASE_S = lease
    if clock:
        now, touch = time.time, os.utime
        time.time = lambda: now() + clock
        os.utime = lambda path: touch(path, (time.time(),) * 2)  # type: ignore[assignment]
        claims._here = lambda: (f"booted {clock:g} s away", "pid:[1]")
    return main(words)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--lease", type=float, default=60.0, help="seconds; shorter ones for a quick look")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument("--apart", type=float, default=120.0)
    parser.add_argument("--claims", type=int, default=400)
    parser.add_argument("--processes", type=int, default=4)
    scenes: dict[str, Callable[..., Report]] = {f.__name__: f for f in (kills, errors, stopped, clocks, claims)}
    parser.add_argument("scenario", choices=scenes)
    chosen = parser.parse_args()
    began = time.monotonic()
    if chosen.scenario == "claims":
        report = claims(None, chosen)
    else:
        with tempfile.TemporaryDirectory() as name:
            scene = Scene(Path(name), chosen.runs, chosen.workers)
            try:
                report = {"runs": chosen.runs, "workers": chosen.workers, **scenes[chosen.scenario](scene, chosen)}
            finally:
                scene.server.stop()
    print(json.dumps({**report, "took s": round(time.monotonic() - began, 1)}, indent=1))
    return 0 if report["ok"] else 1


def _launch_or_measure(argv: Sequence[str]) -> int:
    if argv[:1] != ["launch"]:
        return main()
    lease, clock = (float(word.partition("=")[2]) for word in argv[1:3])
    return launch(argv[4:], lease, clock)


if __name__ == "__main__":
    sys.exit(_launch_or_measure(sys.argv[1:]))
