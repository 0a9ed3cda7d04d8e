"""Calls of a task's own code from its thread into the launch's loop, which runs the sandbox."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from evalkit.sandbox import functions, protocol
from evalkit.sandbox.tensor_bytes import Tensor
from evalkit.util.errors import SandboxError, UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Charge:
    """How much of an errand's time is the call's own."""

    most_s: float
    share: float
    began: float = field(default_factory=time.monotonic)

    def excused(self, now: float) -> float:
        """Seconds until now that are not."""
        return now - self.began - self.share * min(now - self.began, self.most_s)


@dataclass(eq=False)
class Call:
    """A piece of the task's code under way, or waiting for its turn. Belongs to the launch's loop."""

    work: Callable[[Call], Any]
    limit_s: float
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    began: float | None = None
    excused: float = 0.0
    """Seconds since then that are not its own: others held the thread, or the sandbox took more than it was given."""
    task: asyncio.Task[None] | None = None
    coroutine: Any = None
    given_up: bool = False
    """Nobody waits for it any more."""
    _errands: dict[asyncio.Task[Any], Charge] = field(default_factory=dict)
    _errand_context: contextvars.Context = field(default_factory=contextvars.copy_context)
    _open: list[AbstractAsyncContextManager[protocol.Session]] = field(default_factory=list)

    def used(self, now: float) -> float:
        """Seconds of its own since it began."""
        if self.began is None:
            return 0.0
        over = max((charge.excused(now) for charge in list(self._errands.values())), default=0.0)
        return now - self.began - self.excused - over

    async def errand(self, make: Callable[[], Awaitable[T]], most_s: float = 0.0, share: float = 1.0) -> T:
        """On the thread: have something done on the launch's loop.

        It is the call's own time by `share`, up to `most_s`: what it takes longer is the sandbox's.
        """
        done: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.loop.call_soon_threadsafe(self._set_out, make, Charge(most_s, share), done)
        return await asyncio.wrap_future(done)

    def _set_out(self, make: Callable[[], Awaitable[T]], charge: Charge, done: concurrent.futures.Future[T]) -> None:
        if self.given_up or done.cancelled():
            done.cancel()
            return

        async def errand() -> T:
            try:
                return await make()
            except UserError as error:  # of a sandbox that was restarted, and had begun well
                raise SandboxError(str(error)) from error

        task = self.loop.create_task(errand(), context=self._errand_context)
        self._errands[task] = charge
        task.add_done_callback(lambda task: self._return(task, done))
        done.add_done_callback(lambda done: self.loop.call_soon_threadsafe(task.cancel) if done.cancelled() else None)

    def _return(self, task: asyncio.Task[T], done: concurrent.futures.Future[T]) -> None:
        self.excused += self._errands.pop(task).excused(time.monotonic())
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # cancelled by the code that asked
            if task.cancelled():
                done.cancel()
            elif (error := task.exception()) is not None:
                done.set_exception(error)
            else:
                done.set_result(task.result())

    async def close(self) -> None:
        """End its errands and its sessions: nobody else knows of them."""
        self.given_up = True
        for task in list(self._errands):
            task.cancel()
        if self._errands:
            await asyncio.wait(list(self._errands))
        while self._open:
            with contextlib.suppress(SandboxError):
                await self._open.pop().__aexit__(None, None, None)


class Session:
    """A session of the sandbox, for code on the thread."""

    def __init__(self, call: Call, session: protocol.Session, most_s: float, share: float = 1.0) -> None:
        """`most_s`: nothing in it takes longer; by `share` it is the call's own time."""
        self._call, self._session, self._most_s, self._share = call, session, most_s, share

    async def run(
        self, code: str, *, timeout_s: float, persistent: bool = False, preload: Sequence[str] = ()
    ) -> protocol.Output:
        """See `evalkit.sandbox.protocol.Session`."""
        time_s = min(timeout_s, self._most_s)
        return await self._call.errand(
            lambda: self._session.run(code, timeout_s=time_s, persistent=persistent, preload=preload),
            time_s,
            self._share,
        )

    async def define(
        self,
        source: str,
        name: str,
        *,
        timeout_s: float,
        preload: Sequence[str] = (),
        builtins: protocol.Builtins | None = None,
    ) -> protocol.Output:
        """See `evalkit.sandbox.protocol.Session`."""
        time_s = min(timeout_s, self._most_s)
        return await self._call.errand(
            lambda: self._session.define(source, name, timeout_s=time_s, preload=preload, builtins=builtins),
            time_s,
            self._share,
        )

    async def call_json(self, arguments: bytes, *, timeout_s: float) -> protocol.FunctionReply:
        """See `evalkit.sandbox.protocol.Session`."""
        time_s = min(timeout_s, self._most_s)
        return await self._call.errand(
            lambda: self._session.call_json(arguments, timeout_s=time_s), time_s, self._share
        )

    async def call(
        self,
        arguments: Sequence[Tensor],
        *,
        timeout_s: float,
        return_arguments: bool = False,
        count_work: bool = False,
    ) -> protocol.Call:
        """See `evalkit.sandbox.protocol.Session`."""
        time_s = min(timeout_s, self._most_s)
        return await self._call.errand(
            lambda: self._session.call(
                arguments, timeout_s=time_s, return_arguments=return_arguments, count_work=count_work
            ),
            time_s,
            self._share,
        )

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """See `evalkit.sandbox.protocol.Session`."""
        return await self._call.errand(lambda: self._session.read_file(path, max_bytes=max_bytes))

    async def write_file(self, path: str, content: bytes) -> None:
        """See `evalkit.sandbox.protocol.Session`."""
        await self._call.errand(lambda: self._session.write_file(path, content))

    async def list_files(self) -> Mapping[str, int]:
        """See `evalkit.sandbox.protocol.Session`."""
        return await self._call.errand(self._session.list_files)

    async def snapshot(self, patterns: Sequence[str], *, max_bytes: int) -> protocol.Snapshot:
        """See `evalkit.sandbox.protocol.Session`."""
        return await self._call.errand(lambda: self._session.snapshot(patterns, max_bytes=max_bytes))


class Sandbox:
    """The sandbox, for code on the thread."""

    def __init__(self, call: Call, sandbox: protocol.Sandbox, most_s: float | None = None, share: float = 1.0) -> None:
        """`most_s`: nothing in its sessions takes longer, by default the call's limit; `share`: see `Session`."""
        self._call, self._sandbox = call, sandbox
        self._most_s, self._share = call.limit_s if most_s is None else most_s, share

    @property
    def level(self) -> str:
        """See `evalkit.sandbox.protocol.Sandbox`."""
        return self._sandbox.level

    @property
    def stronger(self) -> str:
        """See `evalkit.sandbox.protocol.Sandbox`."""
        return self._sandbox.stronger

    def function(self, source: str, name: str, **options: Any) -> AbstractAsyncContextManager[functions.Function]:
        """See `evalkit.sandbox.protocol.Sandbox`."""
        return functions.function(self, source, name, **options)

    async def ready(self) -> None:
        """See `evalkit.sandbox.protocol.Sandbox`."""
        await self._call.errand(self._sandbox.ready)

    @contextlib.asynccontextmanager
    async def session(
        self, *, seed: int = 0, files: Mapping[str, bytes] | None = None
    ) -> AsyncIterator[protocol.Session]:
        """See `evalkit.sandbox.protocol.Sandbox`."""
        opened = self._sandbox.session(seed=seed, files=files)

        async def enter() -> protocol.Session:
            session = await opened.__aenter__()
            self._call._open.append(opened)
            return session

        async def leave() -> None:
            if opened in self._call._open:
                self._call._open.remove(opened)
                await opened.__aexit__(None, None, None)

        session = await self._call.errand(enter)
        try:
            yield Session(self._call, session, self._most_s, self._share)
        finally:
            await self._call.errand(leave)
