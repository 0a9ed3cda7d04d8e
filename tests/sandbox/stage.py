"""Plants secrets and decoys, plays every attack of a level against one sandbox, and prints what became of it as JSON.

Run as a program of its own (`python -m tests.sandbox.stage <level> [attack …]`), so that it can be started as
another user and so that nothing that an attack does reaches the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import Call, Sandbox, Session, Tensor, canary, open_sandbox
from evalkit.sandbox.local.isolation_levels import Rejected, attempt
from evalkit.sandbox.local.scratch_directories import ScratchDirectories

ATTACKS = Path(__file__).with_name("attacks")
TIMEOUT_S, HANGING_S = 10.0, 0.3
ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
_PLANTED = re.compile(r"planted-[0-9a-f]{16}|evalkit-canary-[0-9a-f]+")


@dataclass
class ScriptedRun:
    """What became of one attack."""

    name: str
    kind: str = ""
    text: str = ""
    """What came back to the model."""
    leaks: list[str] = field(default_factory=list)
    """Secrets that came back, boasts, and traces on the host; must be empty."""
    passed: bool = False
    """For a submission: whether the grader would have accepted it."""
    goes_on: bool = False
    """Whether the attacker's own session answers again."""
    bystander: bool = False
    """Whether another session still has its state."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Attack:
    """A hostile program, or a submission that is not right."""

    source: str
    timeout_s: float


def corpus(group: str) -> dict[str, Attack]:
    """Name → source of every attack in attacks/<group>.py."""
    text = (ATTACKS / f"{group}.py").read_text(encoding="utf-8")
    found = re.findall(r"^#% (\w+)( \(hangs\))?: [^\n]+\n(.*?)(?=^#% |\Z)", text, re.MULTILINE | re.DOTALL)
    return {f"{group}/{name}": Attack(source, HANGING_S if hangs else TIMEOUT_S) for name, hangs, source in found}


GROUPS = ("secrecy", "files", "network", "processes", "kernel", "resources", "worker")
PROGRAMS = {name: attack for group in GROUPS for name, attack in corpus(group).items()}
FUNCTIONS = corpus("functions")


def plant() -> str:
    """Something that must not come back."""
    return f"planted-{secrets.token_hex(8)}"


class Stage:
    """A project, a home, open doors and a decoy process, each with something planted in it."""

    def __init__(self, folder: Path, level: str) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self.reference = plant()  # in the memory of the evaluator
        os.environ["PLANTED_API_KEY"] = plant()
        os.environ["HOME"] = str(folder / "home")
        for name in ("home", "drop", "project/tasks/secret_task", "project/conf"):
            (folder / name).mkdir(parents=True)
        (folder / "drop").chmod(0o777)
        self.grader = self._write("project/tasks/secret_task/__init__.py", f"EXPECTED = {plant()!r}\n", 0o644)
        self._write("home/.netrc", plant(), 0o644)
        self.open_file = self._write("open", plant(), 0o666)
        os.chdir(folder / "project")
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.abstract, self.unix = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        abstract = f"stage-{secrets.token_hex(8)}"
        self.abstract.bind(f"\0{abstract}")
        self.unix.bind(str(folder / "unix"))
        (folder / "unix").chmod(0o777)
        for server in (self.abstract, self.unix):
            server.listen()
        for door in (self.tcp, self.udp, self.abstract, self.unix):
            door.setblocking(False)
        self.decoy = subprocess.Popen(
            [sys.executable, "-c", ECHO, plant()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.target: dict[str, Any] = {
            "level": level,
            "evaluator": os.getpid(),
            "decoy": self.decoy.pid,
            "address": id(self.reference),
            "grader": str(self.grader),
            "tasks": str(folder / "project/tasks"),
            "import_path": sys.path,
            "home": str(folder / "home"),
            "drop": str(folder / "drop"),
            "open_file": str(self.open_file),
            "tcp": self.tcp.getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "abstract": abstract,
            "unix": str(folder / "unix"),
        }
        self._before = self._tree()

    def _write(self, name: str, text: str, mode: int) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def _tree(self) -> dict[str, tuple[int, ...]]:
        places = [*self.folder.rglob("*"), *_dropped()]
        facts = {str(path): path.lstat() for path in places}
        return {path: (fact.st_mode, fact.st_uid, fact.st_size, fact.st_mtime_ns) for path, fact in facts.items()}

    def traces(self) -> Iterator[str]:
        """What happened on the host that must not happen."""
        for name, door in (("tcp", self.tcp), ("abstract", self.abstract), ("unix", self.unix)):
            with contextlib.suppress(BlockingIOError):
                door.accept()[0].close()
                yield f"somebody came in through {name}"
        with contextlib.suppress(BlockingIOError):
            yield f"somebody sent {self.udp.recv(100)!r}"
        if not self._decoy_answers():
            yield "the decoy is dead"
        now = self._tree()
        for path in sorted(now.keys() | self._before.keys()):
            if now.get(path) != self._before.get(path):
                yield f"changed: {path}"
        self._before = now

    def _decoy_answers(self) -> bool:
        """Asked instead of polled: what was just killed may not have come to its end yet, but answers no more."""
        assert self.decoy.stdin and self.decoy.stdout
        try:
            self.decoy.stdin.write(b"?\n")
        except BrokenPipeError:
            return False
        heard, _, _ = select.select([self.decoy.stdout], [], [], 30)
        return bool(heard) and self.decoy.stdout.read(2) == b"?\n"

    def close(self) -> None:
        self.decoy.kill()
        self.decoy.communicate()
        for door in (self.tcp, self.udp, self.abstract, self.unix):
            door.close()
        if self.target["level"] == "weak":
            for path in _dropped():
                path.unlink()


def _dropped() -> list[Path]:
    return [path for place in ("/tmp", "/var/tmp", "/dev/shm") for path in Path(place).glob("dropped-by-*")]


async def play(name: str, session: Session, stage: Stage) -> ScriptedRun:
    """One program, then what the grader would read from its workspace, then another program."""
    program = f"target = {stage.target!r}\n{PROGRAMS[name].source}"
    output = await session.run(program, timeout_s=PROGRAMS[name].timeout_s)
    files = [await _file(session, path) for path in ("answer.txt", "folder/__init__.py", "pipe", "huge", "../open")]
    text = "\n".join([output.stdout, output.error or "", *files])
    played = ScriptedRun(name, output.kind, text, [*_leaks(text), *re.findall(r"GOT THROUGH.{0,80}", output.stdout)])
    played.goes_on = await _answers(session)
    return played


async def _file(session: Session, path: str) -> str:
    try:
        return (await session.read_file(path, max_bytes=1 << 20)).decode("utf-8", "replace")
    except (FileNotFoundError, ValueError):
        return ""


async def _answers(session: Session) -> bool:
    """Twice, because a session may first say that its process is gone."""
    for _ in range(2):
        output = await session.run("import json\nprint(json.dumps(6 * 7))", timeout_s=HANGING_S * 5)
        if output.stdout.strip() == "42" and output.kind == "ok":
            return True
    return False


async def grade(name: str, submission: Attack, session: Session) -> ScriptedRun:
    """Define a submission, call it with a hidden input and compare on the host."""
    hidden = np.random.default_rng(7).standard_normal((4, 4)).astype(np.float32)
    expected = 2 * hidden + 1
    defined = await session.define(submission.source, "f", timeout_s=submission.timeout_s)
    call = Call(defined.kind, defined.error)
    if defined.kind == "ok":
        arguments = [Tensor.of(hidden)]
        call = await session.call(arguments, timeout_s=submission.timeout_s, count_work=True, return_arguments=True)
    passed = call.kind == "ok" and _right(call, hidden, expected)
    return ScriptedRun(name, call.kind, call.error or "", _leaks(call.error or ""), passed, await _answers(session))


def _right(call: Call, hidden: np.ndarray, expected: np.ndarray) -> bool:
    if len(call.returned) != 1 or call.returned[0].dtype != "float32" or call.returned[0].shape != expected.shape:
        return False
    value = call.returned[0].numpy()
    untouched = bool((call.arguments[0].numpy() == hidden).all())
    return bool(np.isfinite(value).all()) and untouched and float(np.abs(value - expected).max()) < 1e-4


def _leaks(text: str) -> list[str]:
    return _PLANTED.findall(text)


async def _play_all(names: list[str], sandbox: Sandbox, stage: Stage) -> list[ScriptedRun]:
    played = []
    async with sandbox.session() as bystander:
        await bystander.run("state = 41", timeout_s=30, persistent=True)
        for name in names:
            started = time.perf_counter()
            async with sandbox.session() as session:
                if name in FUNCTIONS:
                    one = await grade(name, FUNCTIONS[name], session)
                else:
                    one = await play(name, session, stage)
            one.leaks += stage.traces()
            output = await bystander.run("print(state + 1)", timeout_s=30, persistent=True)
            one.bystander = output.stdout == "42\n"
            one.text = one.text[:2000]
            one.seconds = round(time.perf_counter() - started, 2)
            played.append(one)
    return played


async def _lacking(level: str, config: SandboxConfig) -> str:
    """Why this user cannot have this level, with what would help; empty if it holds."""
    places = ScratchDirectories()
    try:
        outcome = await attempt(level, config, places)
    finally:
        places.close()
    if isinstance(outcome, Rejected):
        return f"{outcome.reason}: {outcome.fix}" if outcome.fix else outcome.reason
    outcome.close()
    return ""


async def main(level: str, names: list[str]) -> None:
    config = SandboxConfig(
        level=level, allow_weak=level == "weak", memory_mb=256, disk_mb=64, processes=16, output_kb=1024, pool=2
    )
    if lacking := await _lacking(level, config):
        sys.stdout.write(json.dumps({"lacking": lacking}))
        return
    bait = canary()
    with tempfile.TemporaryDirectory(prefix="stage-") as folder:
        stage = Stage(Path(folder), level)
        try:
            async with open_sandbox(config) as sandbox:
                await sandbox.ready()
                played = await _play_all(names or [*PROGRAMS, *FUNCTIONS], sandbox, stage)
                report = {"level": sandbox.level, "user": os.getuid(), "played": [asdict(one) for one in played]}
        finally:
            stage.close()
    assert bait == canary()
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
