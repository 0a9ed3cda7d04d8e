"""A framed byte stream to a process that may be hostile, read on the event loop without a thread."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from evalkit.sandbox.local.inside import frames


class ChannelClosed(Exception):
    """The other side hung up."""


class Channel:
    """Reads as bytes arrive, so that nothing is lost when a wait is cancelled; refuses more than one frame ahead."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        sock.setblocking(False)
        self._loop.add_reader(sock, self._on_readable)

    @property
    def closed(self) -> bool:
        """Whether the other side hung up, or sent more than one frame can hold."""
        return self._closed

    def unasked(self) -> bool:
        """Whether anything arrived that no request asked for."""
        if not self._closed:
            self._on_readable()
        return bool(self._buffer)

    def _on_readable(self) -> None:
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._buffer += data
        if not data or len(self._buffer) > frames.MAX_FRAME + frames.MAX_HEADER:
            self._closed = True
            self._loop.remove_reader(self.sock)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def send(self, data: bytes) -> None:
        """All of `data`. Raises ChannelClosed."""
        try:
            await self._loop.sock_sendall(self.sock, data)
        except OSError as error:
            raise ChannelClosed from error

    async def frame(self) -> tuple[dict[str, Any], bytes]:
        """The next frame. Raises ChannelClosed, FrameError."""
        while True:
            frame = self._take()
            if frame is not None:
                return frame
            if self._closed:
                raise ChannelClosed
            self._waiter = self._loop.create_future()
            await self._waiter

    def _take(self) -> tuple[dict[str, Any], bytes] | None:
        if len(self._buffer) < 4:
            return None
        (size,) = struct.unpack_from(">I", self._buffer)
        if size > frames.MAX_FRAME + frames.MAX_HEADER:
            raise frames.FrameError("a frame larger than allowed")
        if len(self._buffer) < 4 + size:
            return None
        try:
            with memoryview(self._buffer) as whole, whole[4 : 4 + size] as body:  # copied once, not thrice
                return frames.unpack(body)
        finally:
            del self._buffer[: 4 + size]

    def close(self) -> None:
        """Hang up."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self.sock)
        self.sock.close()
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
