"""Bounds files and threads of children that have neither a file system nor a process namespace of their own.

No limit of the kernel does: the sum of many files, and the threads of one process among others of the same user. Left
alone, one program could fill the disk or take every process number, and other runs would fail for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.local.child import Child

EVERY_S = 0.25
MAX_FILES = 8192
"""Files and folders, as many as at the strongest level."""
MAX_PATH = 3000
"""Bytes; folders that are nested deeper cannot be looked into."""
THREADS = 16
"""Times `sandbox.processes`: this is not a limit to work with but to survive."""


class Watch:
    """Looks at the children that are doing something, a few times a second, in a thread."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._children: set[Child] = set()
        self.task = asyncio.create_task(self._run(), name="sandbox watch")
        """Goes on until it is cancelled."""

    def add(self, child: Child) -> None:
        """Watch a child until it is gone."""
        self._children.add(child)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            self._children = {child for child in self._children if child.alive}
            for child in [child for child in self._children if child.busy or child.restless]:
                await self._look(child)

    async def _look(self, child: Child) -> None:
        directory = os.dup(child.directory)  # the child may be closed meanwhile
        try:
            number = child.number()
            threads, excess = await asyncio.to_thread(self._excess, directory, number)
        finally:
            os.close(directory)
        child.restless = threads > 1
        if excess:
            child.kill(excess)

    def _excess(self, directory: int, number: int) -> tuple[int, str]:
        """The threads that a child has, and what it has too much of."""
        running = threads(number)
        if running > THREADS * self._config.processes:
            return running, f"it started more than {THREADS * self._config.processes} threads"
        return running, too_many_files(directory, self._config.disk_mb)


def threads(process: int) -> int:
    """How many threads a process has; 0 if that cannot be found out."""
    with contextlib.suppress(OSError):
        return len(list(Path("/proc", str(process), "task").iterdir()))
    return 0


@contextlib.contextmanager
def _listed(directory: int, path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
    """What is in a folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)


def too_many_files(directory: int, disk_mb: int) -> str:
    """What there is too much of below a directory, in words; empty if it is within bounds."""
    size, count, folders = 0, 0, ["."]
    while folders:
        path = folders.pop()
        if len(os.fsencode(path)) > MAX_PATH:
            return "it nested folders too deep"
        with contextlib.suppress(OSError), _listed(directory, path) as entries:
            for entry in entries:
                count += 1
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{path}/{entry.name}")
                if size > disk_mb << 20:
                    return f"it wrote more than {disk_mb} MiB"
                if count > MAX_FILES:
                    return f"it made more than {MAX_FILES:,} files"
    return ""
