"""Starts a zygote and asks it for children. The far side is `inside/zygote.py`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import socket
import subprocess
import tempfile
from functools import partial
from typing import Any

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.local.channel import Channel, ChannelClosed
from evalkit.sandbox.local.child import Child, Exit
from evalkit.sandbox.local.inside import frames
from evalkit.sandbox.local.start import WEAK, Launch
from evalkit.util.errors import SandboxError

START_S = 120.0
"""Importing torch on a loaded machine takes a while."""


class Zygote:
    """A running zygote."""

    def __init__(self, launch: Launch, config: SandboxConfig) -> None:
        self.level = launch.level
        self.versions: dict[str, str] = {}
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._exits: dict[int, asyncio.Future[Exit]] = {}
        self._failures: dict[int, str] = {}
        self._loaded: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._hello: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        with contextlib.ExitStack() as undo:
            self._stderr = undo.enter_context(tempfile.TemporaryFile())
            mine, theirs = socket.socketpair()
            undo.enter_context(mine)
            with theirs:
                self._process = subprocess.Popen(
                    launch.command(theirs.fileno()),
                    env=launch.environment,
                    cwd="/",
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=self._stderr,
                    stderr=self._stderr,
                    start_new_session=True,
                )
            self._control = Channel(mine)
            undo.pop_all()
        self._listener = asyncio.create_task(self._listen(), name="zygote events")

    async def start(self, plan: dict[str, Any]) -> None:
        """Hand over the plan and wait until it answers. Raises SandboxError with what it said."""
        try:
            await self._control.send(frames.pack(plan))
        except ChannelClosed:
            raise SandboxError(self.complaint()) from None
        await self._expect(self._hello)

    async def load(self, modules: list[str]) -> None:
        """Import `modules` into the zygote. Raises SandboxError."""
        await self._control.send(frames.pack({"do": "load", "modules": modules}))
        self.versions.update((await self._expect(self._loaded))["versions"])

    async def _expect(self, event: asyncio.Future[dict[str, Any]]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(START_S):
                return await asyncio.shield(event)
        except TimeoutError:
            raise SandboxError(f"the sandbox did not start within {START_S:g} s") from None

    @property
    def alive(self) -> bool:
        """Whether it can still fork."""
        return not self._control.closed

    def complaint(self) -> str:
        """What the zygote, or the program that wraps it, wrote before it ended."""
        if self._stderr.closed:  # somebody else found it dead first
            return "the sandbox ended"
        written = os.fstat(self._stderr.fileno()).st_size
        last = os.pread(self._stderr.fileno(), 4000, max(0, written - 4000))  # leaves the offset to the writer
        lines = last.decode("utf-8", "replace").strip().splitlines()
        return f"the sandbox ended: {lines[-1] if lines else 'without a word'}"

    async def spawn(self, home: str) -> Child:
        """A fresh confined child, working in `home`. Raises SandboxError."""
        try:
            mine, theirs, read, write = _ends()
        except OSError as error:
            raise SandboxError(f"a child could not be started: {error.strerror}") from None
        number = next(self._numbers)
        exited = self._exits[number] = self._loop.create_future()
        try:
            try:
                request = frames.pack({"do": "spawn", "child": number, "home": home})
                await self._send_with_descriptors(request, [theirs.fileno(), write])
            finally:
                theirs.close()
                os.close(write)
            handles = await self._first_word(mine, number)
        except BaseException:
            mine.close()
            os.close(read)
            raise
        child = Child(
            mine,
            read,
            home=home,
            keep_bytes=self._config.output_kb << 10,
            cpu_limit_s=self._config.cpu_s,
            exited=exited,
            signal_by_zygote=partial(self._signal, number) if self.level == WEAK else None,
        )
        child.adopt(handles)
        try:
            up, _ = await child.channel.frame()
        except ChannelClosed:
            up = {"error": "it ended at once"}
        except BaseException:
            child.close()
            raise
        if up.get("up") is not True:
            child.close()
            raise SandboxError(f"a child could not be confined: {up.get('error')}")
        return child

    async def _first_word(self, sock: socket.socket, number: int) -> list[int]:
        """The byte with which a child sends its handles; without them its complaint follows."""
        readable = self._loop.create_future()
        self._loop.add_reader(sock, _wake, readable)
        try:
            async with asyncio.timeout(START_S):
                await readable
            data, handles, flags, _ = socket.recv_fds(sock, 1, 2)
        except TimeoutError:
            raise SandboxError(f"no child came up within {START_S:g} s") from None
        except ConnectionError:
            data, handles = b"", []
        finally:
            self._loop.remove_reader(sock)
        if not data:
            await asyncio.sleep(0.1)  # the zygote's own account may still be on its way
            raise SandboxError(self._failures.pop(number, "") or self.complaint())
        if flags & socket.MSG_CTRUNC:
            for handle in handles:
                os.close(handle)
            raise SandboxError(f"a child could not be started: {os.strerror(errno.EMFILE)}")
        return list(handles)

    async def _send_with_descriptors(self, request: bytes, descriptors: list[int]) -> None:
        while True:
            try:
                sent = socket.send_fds(self._control.sock, [request], descriptors)
                break
            except BlockingIOError:  # the zygote is importing, and others are waiting for children too
                await asyncio.sleep(0.01)
            except OSError:
                raise SandboxError(self.complaint()) from None
        if sent < len(request):
            await self._control.send(request[sent:])

    def _signal(self, child: int, number: int) -> bool:
        """Let the zygote send a signal; whether it was told to."""
        with contextlib.suppress(OSError):  # it is gone, or busy with so much that it hears nothing
            self._control.sock.send(frames.pack({"do": "signal", "child": child, "number": number}))
            return True
        return False

    async def _listen(self) -> None:
        try:
            while True:
                event, _ = await self._control.frame()
                self._on_event(event)
        except ChannelClosed:
            gone = SandboxError(self.complaint())
            for waiting in (self._hello, self._loaded):
                if not waiting.done():
                    waiting.set_exception(gone)
                    waiting.exception()  # nobody may be waiting
            for exited in self._exits.values():
                if not exited.done():
                    exited.set_result(Exit(9, 0.0))

    def _on_event(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "hello":
                self.versions["python"] = event["python"]
                self._hello.set_result(event)
            case "unfit":
                self._hello.set_exception(SandboxError(event["error"]))
            case "loaded":
                self._loaded.set_result(event)
            case "exit":
                self._exits.pop(event["child"]).set_result(Exit(event["status"], event["cpu_s"]))
            case _:
                if event["what"]["do"] == "load":
                    self._loaded.set_exception(SandboxError(event["error"]))
                else:
                    self._failures[event["what"].get("child", 0)] = event["error"]

    def close(self) -> None:
        """Hang up and wait for its end."""
        self.hang_up()
        self.bury()

    def hang_up(self) -> None:
        """Let go of it: it takes every child along."""
        self._control.close()
        self._listener.cancel()

    def bury(self) -> None:
        """Wait for its end, off the event loop: with torch in its memory and many children that takes a second."""
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()


def _ends() -> tuple[socket.socket, socket.socket, int, int]:
    """Both ends of a channel, and of a pipe. Raises OSError, with nothing left open."""
    mine, theirs = socket.socketpair()
    try:
        read, write = os.pipe()
    except OSError:
        mine.close()
        theirs.close()
        raise
    mine.setblocking(False)
    return mine, theirs, read, write


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
