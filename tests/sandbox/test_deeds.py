"""Whatever a program does before its process ends stays its own affair: its session goes on, nobody waits for it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import Sandbox, open_sandbox
from evalkit.sandbox.local import workspace
from evalkit.sandbox.local.start import LEVELS, NAMESPACES, WEAK
from tests.sandbox import levels

DISK_MB = 16
STANDSTILL_S = 1.0
"""The longest that the event loop may stand still, on a busy machine; without bounds it was 8 to 100 s."""

DEEDS = {
    # what the program does before it ends | what the model is told about files, or None
    "sparse files of more than the disk": (
        "for n in range(150):\n with open(f'f{n}', 'wb') as f: f.truncate(12 << 20); f.write(b'x')",
        "more than 100 files and folders",
    ),
    "more bytes than the disk holds": (
        "try:\n for n in range(40): open(f'f{n}', 'wb').write(b'x' * (1 << 20))\nexcept OSError: pass",
        {NAMESPACES: None, "": "more than 16 MiB in all"},
    ),
    "many odd names": (
        "for n in range(150): open(os.fsencode('ü' * 60) + b'\\xff\\n' + str(n).encode(), 'wb').write(b'x')",
        "more than 100 files and folders",
    ),
    "paths that are too long": (
        "for _ in range(40):\n os.mkdir('d' * 250); os.chdir('d' * 250); open('x' * 250, 'w').close()",
        "a path of more than 1,000 bytes",
    ),
    "folders hundreds deep": (
        "for _ in range(300):\n os.mkdir('d'); os.chdir('d')",
        "more than 16 folders deep",
    ),
    "folders in folders in folders": (
        "for a in range(5):\n for b in range(5):\n  for c in range(5): os.makedirs(f'{a}/{b}/{c}')",
        "more than 100 files and folders",
    ),
    "a full folder": (
        "for n in range(150): open(f'f{n}', 'w').close()",
        "more than 100 files and folders",
    ),
    "links, pipes and sockets": (
        "os.symlink('/etc/passwd', 'l'); os.symlink('.', 'loop'); os.mkfifo('p'); open('h', 'w').write('x')\n"
        "for n in range(50): os.link('h', f'h{n}')",
        "(a link)",
    ),
    "files that nobody may read": (
        "try:\n os.mkdir('m'); open('m/x', 'w').close(); os.chmod('m', 0); os.chmod('.', 0)\nexcept OSError: pass",
        "",  # root may
    ),
    "holes between holes": (
        "with open('f', 'wb') as f:\n for n in range(900): f.seek(n * 8192); f.write(b'x')",
        None,
    ),
    "nothing left of its folder": ("import shutil; shutil.rmtree('.', ignore_errors=True)", None),
}
ENDS = {
    "exits": "os._exit(0)",
    "reads what is not there": "import ctypes; ctypes.string_at(0)",
    "closes its descriptors": "os.closerange(0, 64)\nwhile True: pass",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=LEVELS)
async def crowd(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A sandbox at every level that holds here."""
    levels.require(request.param)
    config = SandboxConfig(level=request.param, allow_weak=True, memory_mb=128, disk_mb=DISK_MB, cpu_s=20, pool=2)
    async with open_sandbox(config, preload=()) as sandbox:
        await sandbox.ready()
        yield sandbox


class Pulse:
    """Measures how long the event loop stands still."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def __aenter__(self) -> Pulse:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(0.02)
        return self

    async def _beat(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            self.longest_s, before = max(self.longest_s, now - before), now

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.sleep(0.01)
        self._task.cancel()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("deed", DEEDS)
async def test_what_a_program_leaves_in_its_workspace_stops_nobody(
    crowd: Sandbox, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "MAX_ENTRIES", 100)  # a slow disk makes 300 files a second
    program, told = DEEDS[deed]
    if isinstance(told, dict):
        told = told.get(crowd.level, told[""])
    end = ENDS[list(ENDS)[list(DEEDS).index(deed) % len(ENDS)]]

    async with Pulse() as pulse, crowd.session(files={"given": b"kept"}) as session, crowd.session() as bystander:
        await bystander.run("state = 42", timeout_s=30, persistent=True)
        died = await session.run(f"import os\n{program}\n{end}", timeout_s=20)
        kept, other = await asyncio.gather(
            session.run("import os; print(open('given').read() if os.path.exists('given') else 'gone')", timeout_s=20),
            bystander.run("print(state)", timeout_s=2, persistent=True),
        )

    assert died.kind in ("died", "timeout"), died
    assert (told or "") in str(died.error)
    assert told is not None or "could not be kept" not in str(died.error), died.error
    assert kept.error is None and kept.stdout.startswith(("kept\n", "gone\n"))
    assert other.stdout == "42\n"
    assert pulse.longest_s < STANDSTILL_S


async def test_a_sandbox_that_is_slow_to_end_stops_nobody() -> None:
    async with Pulse() as pulse:
        config = SandboxConfig(level=WEAK, allow_weak=True, pool=0)
        async with open_sandbox(config, preload=()) as sandbox:
            await sandbox.ready()
            stopped = sandbox._running()._process.pid
            os.kill(stopped, signal.SIGSTOP)

    assert pulse.longest_s < STANDSTILL_S
    assert not Path("/proc", str(stopped)).exists()
