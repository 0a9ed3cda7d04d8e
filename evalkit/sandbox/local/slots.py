"""Slots shared by nested sessions, which bound the number of live children."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar


class SharedSlot:
    """The sessions that are open inside each other share one slot: else grading could wait for itself."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._members = 0
        self._turn = asyncio.Lock()

    async def join(self) -> None:
        """Hold a child: waits for a slot unless another session that shares it has one."""
        async with self._turn:
            if not self._members:
                await self._slots.acquire()
            self._members += 1

    def leave(self) -> None:
        """Hold one child less."""
        self._members -= 1
        if not self._members:
            self._slots.release()


SHARED_SLOT: ContextVar[SharedSlot | None] = ContextVar("slot", default=None)
"""Of the sessions that are open where this is read."""
