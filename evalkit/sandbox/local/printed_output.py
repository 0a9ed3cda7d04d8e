"""Collects what a child prints, on the event loop, keeping only as much as a tool's reply may hold."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

FLOOD = 64 << 20
"""Bytes printed by one call after which its child is killed."""


class Printed:
    """The read end of a child's output pipe."""

    def __init__(self, descriptor: int, keep: int, on_flood: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._keep = keep
        self._on_flood = on_flood
        self._kept = bytearray()
        self._total = 0
        self._open = True
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> bool:
        """One piece; whether there may be more."""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._stop()
            return False
        self._kept += data[: max(0, self._keep - len(self._kept))]
        before, self._total = self._total, self._total + len(data)
        if before <= FLOOD < self._total:
            self._on_flood()
        return self._total <= FLOOD

    def forget(self) -> None:
        """Throw away what a leftover thread of an earlier call printed."""
        self.take()

    def take(self) -> tuple[str, int]:
        """Everything printed since the last time, as text, and how many bytes were cut from it."""
        while self._open and self._read():
            pass
        text, cut = self._kept.decode("utf-8", "replace"), self._total - len(self._kept)
        self._kept, self._total = bytearray(), 0
        if cut:
            text += f"\n[output cut here: {cut} more bytes were printed]"
        return text, cut

    def _stop(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)

    def close(self) -> None:
        """Hang up."""
        self._stop()
        os.close(self._descriptor)
