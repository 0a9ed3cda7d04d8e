"""What a machine is short of is named as such, and not blamed on the isolation; little is enough."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import open_sandbox
from evalkit.sandbox.local.isolation_levels import Rejected, attempt
from evalkit.sandbox.local.scratch_directories import ScratchDirectories
from evalkit.sandbox.local.start import LANDLOCK, NAMESPACES, WEAK
from evalkit.sandbox.local.zygote import Zygote
from evalkit.util.errors import SandboxError, UserError
from tests.sandbox import levels

ROOT = Path(__file__).resolve().parents[2]
LIMITED = """
import asyncio, resource
resource.setrlimit(resource.RLIMIT_{name}, ({value}, {value}))
from evalkit.cli.doctor import examine, text
print(text(asyncio.run(examine())))
"""


def doctor(name: str, value: int) -> str:
    """What the levels say where a limit of the process is low; the doctor itself asks for room for many runs."""
    code = LIMITED.format(name=name, value=value)
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=60, check=False).stdout


def test_a_low_limit_on_descriptors_is_enough() -> None:
    levels.require(LANDLOCK)

    assert "sandbox=auto takes" in doctor("NOFILE", 50)  # below what a child itself would get


def test_too_low_a_limit_on_descriptors_is_named() -> None:
    levels.require(LANDLOCK)
    page = doctor("NOFILE", 24)

    assert os.strerror(errno.EMFILE) in page and "raise the limit on open descriptors: ulimit -n 1024" in page
    assert "user namespaces" not in page


async def test_a_folder_for_temporary_files_that_is_missing_is_named(
    level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/to be found")
    places = ScratchDirectories()

    rejected = await attempt(level, SandboxConfig(), places)
    async with open_sandbox(SandboxConfig(level=level, allow_weak=True), preload=()) as sandbox:
        with pytest.raises(UserError, match=r"no sandbox can be started on this machine .*: set TMPDIR to"):
            await sandbox.ready()

    assert isinstance(rejected, Rejected) and rejected.fix.startswith("set TMPDIR to a folder")


def descriptors() -> set[int]:
    """Numbers of everything that is open."""
    return {int(path.name) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


@contextlib.contextmanager
def room_for(count: int) -> Iterator[None]:
    """Inside, so many more descriptors can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = descriptors()
    free = [number for number in range(max(taken) + count + 2) if number not in taken]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[count], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_no_descriptor_for_a_child_is_the_sandboxs_fault_and_leaves_nothing_open(level: str) -> None:
    zygote = await attempt(level, SandboxConfig(), places := ScratchDirectories())
    assert isinstance(zygote, Zygote)
    home, before = places.new(level), descriptors()
    try:
        for count in range(4):  # two for a channel, two for a pipe
            with pytest.raises(SandboxError, match=os.strerror(errno.EMFILE)), room_for(count):
                await zygote.spawn(home)
            assert descriptors() == before
        (await zygote.spawn(home)).close()
    finally:
        zygote.close()
        places.close()


async def test_handles_of_a_child_for_which_there_is_no_place_are_missed_and_not_misread() -> None:
    zygote = await attempt(WEAK, SandboxConfig(), places := ScratchDirectories())
    assert isinstance(zygote, Zygote)
    mine, theirs = socket.socketpair()
    mine.setblocking(False)
    try:
        with mine, theirs:
            socket.send_fds(theirs, [b"F"], [0, 0])
            with pytest.raises(SandboxError, match=os.strerror(errno.EMFILE)), room_for(1):
                await zygote._first_word(mine, 0)
    finally:
        zygote.close()
        places.close()


async def test_a_child_that_cannot_be_confined_says_why() -> None:
    levels.require(LANDLOCK)
    zygote = await attempt(LANDLOCK, SandboxConfig(), places := ScratchDirectories())
    assert isinstance(zygote, Zygote)
    try:
        with pytest.raises(SandboxError, match=r"could not be confined: FileNotFoundError.*/nowhere"):
            await zygote.spawn("/nowhere")
    finally:
        zygote.close()
        places.close()


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)", 0),
        ("bwrap: No permissions to create new namespace, likely because the kernel does not allow", 0),
        ("a child could not be confined: OSError: [Errno 28] unshare: No space left on device", 0),
        ("bwrap: setting up uid map: Permission denied", 0),
        ("[Errno 24] Too many open files", "ulimit -n"),
        ("bwrap: Creating new namespace failed: Resource temporarily unavailable", "ulimit -u"),
        ("OSError: [Errno 12] Cannot allocate memory", "ulimit -v"),
        ("ImportError: libtorch.so: failed to map segment from shared object", "ulimit -v"),
        ("[Errno 28] No space left on device: '/tmp/evalkit-1'", "TMPDIR"),
        ("[Errno 2] No usable temporary directory found in ['/tmp']", "TMPDIR"),
        ("the sandbox ended: without a word", None),
    ],
)
def test_remedy_fits_the_reason(reason: str, remedy: str | int | None) -> None:
    from evalkit.sandbox.local.isolation_levels import _remedy

    found = _remedy(NAMESPACES, reason)

    assert found == "" if remedy is None else (remedy or "allow unprivileged user namespaces") in found


async def test_the_least_values_that_are_accepted_start(level: str) -> None:
    config = SandboxConfig(
        level=level, allow_weak=True, memory_mb=16, disk_mb=1, cpu_s=1, processes=1, output_kb=1, pool=0
    )
    async with open_sandbox(config, preload=()) as sandbox, sandbox.session(files={"a": b"x" * 900_000}) as session:
        output = await session.run("print(len(open('a').read()))", timeout_s=30)

    assert output.stdout == "900000\n"
