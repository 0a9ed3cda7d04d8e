"""A confined process as the host sees it: requests, deadlines, and the reason why it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evalkit.sandbox.local.channel import Channel, ChannelClosed
from evalkit.sandbox.local.inside import frames
from evalkit.sandbox.local.printed_output import FLOOD, Printed

MAX_ERROR = 20_000
"""Characters of an error that are passed on; a worker that keeps its promise cuts earlier."""
GRACE_S = 0.5
"""Between the interrupt, which a program survives with its state, and the kill."""

CLOCKS_DIFFER_S = 0.5
"""By how much the CPU time that is reported may lie below the limit that struck."""


@dataclass(frozen=True)
class Exit:
    """How a process ended: its wait status and the CPU time it used."""

    status: int
    cpu_s: float

    def describe(self, cpu_limit_s: int) -> str:
        """For the model."""
        if os.WIFSIGNALED(self.status):
            number = os.WTERMSIG(self.status)
            spent = self.cpu_s > cpu_limit_s - CLOCKS_DIFFER_S
            if spent and number in (signal.SIGKILL, signal.SIGXCPU):
                return f"it used more than {cpu_limit_s} s of CPU time"
            return f"killed by signal {number} ({signal.strsignal(number)})"
        return f"exit status {os.waitstatus_to_exitcode(self.status)}"


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    kind: Literal["ok", "raised", "bad_reply", "timeout", "died", "forged"]
    error: str | None = None
    header: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""
    printed: str = ""
    cut_bytes: int = 0
    seconds: float = 0.0


class Child:
    """A process that the zygote forked for us."""

    def __init__(
        self,
        channel: socket.socket,
        output: int,
        *,
        home: str,
        keep_bytes: int,
        cpu_limit_s: int,
        exited: asyncio.Future[Exit],
        signal_by_zygote: Callable[[int], bool] | None,
    ) -> None:
        self.home = home
        self.channel = Channel(channel)
        self.printed = Printed(output, keep_bytes, lambda: self.kill(f"it printed more than {FLOOD >> 20} MiB"))
        self.directory = -1
        """Its working directory, as a descriptor."""
        self.busy = False
        """Whether it is answering a request."""
        self.restless = False
        """Whether it was seen to do something on its own, in threads."""
        self._process = -1
        self._cpu_limit_s = cpu_limit_s
        self._exited = exited
        self._signal_by_zygote = signal_by_zygote
        self._killed_because = ""
        self._closed = False

    def adopt(self, descriptors: list[int]) -> None:
        """Take the handles that the child sent before anything of the model ran in it."""
        self.directory, self._process = (*descriptors, -1, -1)[:2]

    def number(self) -> int:
        """Its process number as we see it; -1 if that is not known."""
        with contextlib.suppress(OSError):  # no such file on macOS
            for line in Path("/proc/self/fdinfo", str(self._process)).read_text().splitlines():
                if line.startswith("Pid:"):
                    return int(line.split()[1])
        return -1

    @property
    def alive(self) -> bool:
        """Whether it can be asked anything."""
        return not (self._closed or self._killed_because or self.channel.closed)

    def kill(self, because: str = "the evaluator ended it") -> None:
        """End it with everything it started."""
        if self._killed_because or self._closed:
            return
        self._killed_because = because
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Kill it and let go of every handle."""
        if self._closed:
            return
        self.kill()
        self._closed = True
        self.channel.close()
        self.printed.close()
        for descriptor in (self.directory, self._process):
            if descriptor >= 0:
                os.close(descriptor)

    def _signal(self, number: signal.Signals) -> None:
        """To the process, of which the kernel takes the whole tree along; without namespaces to its group."""
        told = self._signal_by_zygote is not None and self._signal_by_zygote(number)
        if not told and self._process >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)

    async def request(self, header: dict[str, Any], payload: bytes | bytearray = b"", *, timeout_s: float) -> Answer:
        """Ask once and wait for exactly one frame. Never raises for what the child does."""
        started = time.perf_counter()
        self.busy = True
        try:
            answer = await self._ask(header, payload, timeout_s)
        except asyncio.CancelledError:
            self.kill()  # what it is in the middle of is nobody's business any more
            raise
        finally:
            self.busy = False
        printed, cut = self.printed.take()
        seconds = time.perf_counter() - started
        return Answer(answer.kind, answer.error, answer.header, answer.payload, printed, cut, seconds)

    async def _ask(self, header: dict[str, Any], payload: bytes | bytearray, timeout_s: float) -> Answer:
        self.printed.forget()
        nonce = secrets.token_hex(16)
        try:
            if self.channel.unasked():
                raise frames.FrameError("bytes that nobody asked for")
            try:
                async with asyncio.timeout(timeout_s):
                    await self.channel.send(frames.pack({**header, "nonce": nonce}, payload))
                    reply, data = await self.channel.frame()
            except TimeoutError:
                return await self._interrupt(nonce, timeout_s)
            return self._check(nonce, reply, data)
        except ChannelClosed:
            return Answer("died", await self._last_words())
        except frames.FrameError as error:
            self.kill("it wrote to the evaluator's channel")
            return Answer("forged", f"your program wrote to the evaluator's channel: {error}")

    async def _interrupt(self, nonce: str, timeout_s: float) -> Answer:
        words = f"timed out after {timeout_s:g} s"
        self._signal(signal.SIGINT)
        try:
            async with asyncio.timeout(GRACE_S):
                reply, data = await self.channel.frame()
        except TimeoutError:
            self.kill(words)
            return Answer("timeout", f"{words}, did not react to an interrupt and was killed; its state is lost")
        self._check(nonce, reply, data)
        return Answer("timeout", f"{words} and was interrupted")

    def _check(self, nonce: str, reply: dict[str, Any], payload: bytes) -> Answer:
        """The reply, if it is the only one and has the form of one. Raises FrameError."""
        kind, error = reply.get("kind"), reply.get("error")
        if reply.get("nonce") != nonce:
            raise frames.FrameError("an answer to another question")
        if self.channel.unasked():
            raise frames.FrameError("more than one answer")
        if kind not in ("ok", "raised", "bad_reply") or not (error is None or type(error) is str):
            raise frames.FrameError("an answer of another form")
        if (kind == "ok") != (error is None):
            raise frames.FrameError("an answer of another form")
        if error is not None:
            error = error[:MAX_ERROR].encode("utf-8", "replace").decode()  # half characters cannot be stored
        return Answer(kind, error, reply, payload)

    async def ended(self) -> None:
        """Wait until a killed process is gone and writes nothing more; two seconds, because the machine may be busy."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.shield(self._exited)

    async def _last_words(self) -> str:
        """Why it is gone, in words for the model."""
        because = self._killed_because
        if not because:
            try:
                async with asyncio.timeout(2):
                    because = (await asyncio.shield(self._exited)).describe(self._cpu_limit_s)
            except TimeoutError:
                because = "it closed its channel"
            self.kill(because)
        return f"your program ended the interpreter: {because}; the next call starts a fresh one"
