"""The sandbox of one launch: a zygote, a pool of ready children, and a bound on how many live at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox import functions, protocol
from evalkit.sandbox.local.child import Child
from evalkit.sandbox.local.isolation_levels import Rejected, climb
from evalkit.sandbox.local.resource_bounds import Watch
from evalkit.sandbox.local.scratch_directories import ScratchDirectories
from evalkit.sandbox.local.session import LocalSession
from evalkit.sandbox.local.slots import SHARED_SLOT, SharedSlot
from evalkit.sandbox.local.start import NAMESPACES
from evalkit.sandbox.local.zygote import Zygote
from evalkit.util.errors import SandboxError, UserError
from evalkit.util.open_files import MAX_LIVE, allow
from evalkit.util.optional_packages import install_command, installed


class LocalSandbox:
    """Children of one zygote on this machine."""

    def __init__(self, config: SandboxConfig, preload: Sequence[str]) -> None:
        self.rejected: tuple[Rejected, ...] = ()
        """Stronger levels than the one in force, with what they lack."""
        self._config = config
        self._preload = list(preload)
        self._homes = ScratchDirectories()
        self._zygote: Zygote | None = None
        self._pool: list[Child] = []
        self._watch: Watch | None = None
        self._refills: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(allow(MAX_LIVE))
        self._closed = False
        self._starting = asyncio.create_task(self._start(), name="sandbox start")

    @property
    def disk_mb(self) -> int:
        """What a workspace may hold."""
        return self._config.disk_mb

    @property
    def level(self) -> str:
        """The isolation in force. RuntimeError before `ready`."""
        return self._running().level

    @property
    def stronger(self) -> str:
        """What would give a stronger level; empty at the strongest, or if it was not wanted."""
        self._running()
        return f"for {self.rejected[0].level}: {self.rejected[0].remedy}" if self.rejected else ""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of `python` and of the preloaded modules, as programs see them. RuntimeError before `ready`."""
        return self._running().versions

    def _running(self) -> Zygote:
        if self._zygote is None:
            raise RuntimeError("the sandbox is still starting: `await sandbox.ready()` first")
        return self._zygote

    async def ready(self) -> None:
        """Wait until children can be had. Raises UserError if no acceptable level holds."""
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        found = await climb(self._config, self._homes)
        try:
            await found.zygote.load(self._preload)
        except BaseException as error:
            found.zygote.close()
            if isinstance(error, SandboxError) and "ModuleNotFoundError" in str(error):
                raise UserError(f"the sandbox cannot import what the task needs ({error}): pip install it") from None
            if isinstance(error, SandboxError) and "started a thread" in str(error):
                fix = "take it out of preload, for programs can import it themselves"
                raise UserError(f"the sandbox cannot hold a tool's preload ({error}): {fix}") from None
            raise
        self._zygote, self.rejected = found.zygote, found.rejected
        if found.zygote.level != NAMESPACES and self._watch is None:
            self._watch = Watch(self._config)
        self._refill()

    @contextlib.asynccontextmanager
    async def session(
        self, *, seed: int = 0, files: Mapping[str, bytes] | None = None
    ) -> AsyncIterator[protocol.Session]:
        """A session whose child starts with its first call."""
        outer = SHARED_SLOT.get()
        slot = outer or SharedSlot(self._slots)
        SHARED_SLOT.set(slot)
        session = LocalSession(self, slot, seed, files or {})
        try:
            yield session
        finally:
            SHARED_SLOT.set(outer)
            await session.close()

    def function(
        self, source: str, name: str, **options: Any
    ) -> contextlib.AbstractAsyncContextManager[functions.Function]:
        """A submitted function to be called with JSON values. See `evalkit.sandbox.protocol.GradingSandbox`."""
        return functions.function(self, source, name, **options)

    async def take_child(self) -> Child:
        """A child that nothing has touched."""
        await self.ready()
        while self._pool:
            child = self._pool.pop()
            self._refill()
            if child.alive:
                return child
            self.discard(child)
        child = await self._spawn()
        self._refill()
        return child

    def discard(self, child: Child) -> None:
        """End a child and delete what it wrote."""
        child.close()
        if not self._closed:  # else all homes are being deleted together
            self._homes.remove(child.home)

    async def _spawn(self) -> Child:
        if self._closed:
            raise SandboxError("the sandbox is closed")
        if not self._running().alive:  # nothing inside can end it; the machine can
            if self._starting.done():
                self._running().close()
                self._starting = asyncio.create_task(self._start(), name="sandbox restart")
            await self.ready()
        zygote = self._running()
        try:
            home = self._homes.new(zygote.level)
        except OSError as error:
            raise SandboxError(f"a working directory could not be made: {error}") from None
        child = await zygote.spawn(home)
        if self._watch:
            self._watch.add(child)
        return child

    def _refill(self) -> None:
        while not self._closed and len(self._pool) + len(self._refills) < self._config.pool:
            task = asyncio.create_task(self._add_to_pool(), name="sandbox pool")
            self._refills.add(task)
            task.add_done_callback(self._refills.discard)

    async def _add_to_pool(self) -> None:
        with contextlib.suppress(SandboxError):  # whoever needs the child will meet the same error
            self._pool.append(await self._spawn())

    async def close(self) -> None:
        """End every child and the zygote."""
        self._closed = True
        tasks = [self._starting, *self._refills, *([self._watch.task] if self._watch else [])]
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:  # also when whoever closes is cancelled
            for child in self._pool:
                child.close()
            if self._zygote is not None:
                self._zygote.hang_up()
            # in a thread even if nobody waits for it any more: cancelled before it began, it would never run
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._clean_up))

    def _clean_up(self) -> None:
        """What takes a while."""
        if self._zygote is not None:
            self._zygote.bury()
        self._homes.close()


@contextlib.asynccontextmanager
async def open_local(config: SandboxConfig, *, preload: Sequence[str]) -> AsyncIterator[LocalSandbox]:
    """Start a sandbox; starting goes on beside whatever the caller does next.

    `preload` are modules that every child finds in memory. The first call of a session waits until they are,
    and raises UserError if no acceptable isolation holds here. Raises UserError at once if one is not installed.
    """
    if missing := next((name for name in preload if not installed(name)), None):
        raise UserError(f"The task needs {missing}, which is not installed: {install_command(missing)}")
    sandbox = LocalSandbox(config, preload)
    try:
        yield sandbox
    finally:
        await sandbox.close()
