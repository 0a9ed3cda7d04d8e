"""The sandbox of one launch: a zygote, a pool of ready children, and a bound on how many live at once."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from evalkit.config import SandboxConfig
from evalkit.errors import SandboxError
from evalkit.sandbox import api
from evalkit.sandbox.child import Child
from evalkit.sandbox.launch import Launch
from evalkit.sandbox.session import LocalSession
from evalkit.sandbox.zygote import Zygote

MAX_LIVE = 256
"""Sessions that hold a child at the same time; the others wait for their first call."""


class LocalSandbox:
    """Children of one zygote on this machine."""

    def __init__(self, config: SandboxConfig, preload: Sequence[str]) -> None:
        self._config = config
        self._preload = list(preload)
        self._zygote: Zygote | None = None
        self._pool: list[Child] = []
        self._refills: set[asyncio.Task[None]] = set()
        self._base = Path(tempfile.mkdtemp(prefix="evalkit-"))
        self._homes = 0
        self._starting = asyncio.create_task(self._start(), name="sandbox start")

    @property
    def level(self) -> str:
        """The isolation in force. RuntimeError before `ready`."""
        if self._zygote is None:
            raise RuntimeError("the level is known after `await sandbox.ready()`")
        return self._zygote.level

    async def ready(self) -> None:
        """Wait until children can be had. Raises UserError if no acceptable level holds."""
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        config = self._config
        zygote = Zygote(Launch("weak"), config)
        await zygote.start(
            {
                "namespaces": False, "landlock": False, "seccomp": False, "memory_mb": config.memory_mb,
                "cpu_s": config.cpu_s, "disk_mb": config.disk_mb, "processes": config.processes,
            }
        )  # fmt: skip
        await zygote.load(self._preload)
        self._zygote = zygote
        self._refill()

    @contextlib.asynccontextmanager
    async def session(self, *, seed: int = 0, files: Mapping[str, bytes] | None = None) -> AsyncIterator[api.Session]:
        """A session whose child starts with its first call."""
        session = LocalSession(self, seed, files or {})
        try:
            yield session
        finally:
            session.close()

    async def take_child(self) -> Child:
        """A child that nothing has touched."""
        await self.ready()
        while self._pool:
            child = self._pool.pop()
            self._refill()
            if child.alive:
                return child
            child.close()
        child = await self._spawn()
        self._refill()
        return child

    async def _spawn(self) -> Child:
        assert self._zygote is not None
        self._homes += 1
        home = self._base / str(self._homes)
        home.mkdir(0o700)
        return await self._zygote.spawn(str(home))

    def _refill(self) -> None:
        while len(self._pool) + len(self._refills) < self._config.pool:
            task = asyncio.create_task(self._add_to_pool(), name="sandbox pool")
            self._refills.add(task)
            task.add_done_callback(self._refills.discard)

    async def _add_to_pool(self) -> None:
        with contextlib.suppress(SandboxError):  # whoever needs the child will meet the same error
            self._pool.append(await self._spawn())

    async def close(self) -> None:
        """End every child and the zygote."""
        for task in (self._starting, *self._refills):
            task.cancel()
        await asyncio.gather(self._starting, *self._refills, return_exceptions=True)
        for child in self._pool:
            child.close()
        if self._zygote is not None:
            self._zygote.close()
        shutil.rmtree(self._base, ignore_errors=True)


@contextlib.asynccontextmanager
async def open_sandbox(
    config: SandboxConfig, *, preload: Sequence[str] = ("numpy", "torch")
) -> AsyncIterator[LocalSandbox]:
    """Start a sandbox; starting goes on beside whatever the caller does next.

    `preload` are modules that every child finds in memory. The first call of a session waits until they are.
    """
    sandbox = LocalSandbox(config, preload)
    try:
        yield sandbox
    finally:
        await sandbox.close()


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
