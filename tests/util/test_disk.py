"""Work on files beside the event loop: waited for to its end, whatever is cancelled."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from evalkit.util.disk import THREADS, apart


async def test_the_loop_goes_on_meanwhile() -> None:
    free, ticks = threading.Event(), 0
    work = asyncio.create_task(apart(free.wait))
    while ticks < 50:
        await asyncio.sleep(0)
        ticks += 1
    assert not work.done()
    free.set()
    assert await work


async def test_several_are_under_way_at_once() -> None:
    together = threading.Barrier(THREADS)
    assert sorted(await asyncio.gather(*(apart(together.wait) for _ in range(THREADS)))) == list(range(THREADS))


async def test_a_cancellation_waits_for_the_work_and_comes_after_it() -> None:
    done, steps = threading.Event(), []

    async def writes() -> None:
        await apart(lambda: (time.sleep(0.05), done.set()))
        steps.append("written")
        await asyncio.sleep(0)
        steps.append("went on")

    task = asyncio.create_task(writes())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set() and steps == ["written"]


async def test_a_time_limit_that_strikes_meanwhile_is_still_one() -> None:
    written = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await apart(lambda: (time.sleep(0.05), written.set()))
            assert written.is_set()
            await asyncio.sleep(5)
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_what_the_work_raises_is_raised() -> None:
    def fails() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await apart(fails)
