"""Disk threads: blocking work on files, done beside the event loop.

Each caller waits for its own work alone. Work of many callers is under way at once, so that a file system that is asked
to make several files durable does it in one step of its own log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")

THREADS = 16
"""Files that are made durable at once."""


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="disk")


async def apart(work: Callable[[], T]) -> T:
    """What `work` returns or raises, from a thread. Once begun it is waited for: a cancellation comes after it.

    What was bought is thus either in the record and in memory, or in neither.
    """
    future = asyncio.get_running_loop().run_in_executor(_threads(), work)
    task = asyncio.current_task()
    cancelled = 0
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            cancelled += 1
            if task:
                task.uncancel()
    for _ in range(cancelled if task else 0):
        task.cancel()  # type: ignore[union-attr]
    return future.result()
