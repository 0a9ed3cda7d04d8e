"""The thread of a task's own code: within its limit, out of the launch's way, and never ended by one call for all."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from evalkit.sandbox.protocol import Output
from evalkit.task import author_thread
from evalkit.task.author_thread import AuthorThread, MovedError, OvertimeError, run
from evalkit.task.sandbox_calls import Call, Sandbox, Session

SHORT = 0.3


async def value(work: Any, limit_s: float = 30.0, **options: Any) -> Any:
    """What work gives; what it raises is raised."""
    given, raised = await run(work, limit_s=limit_s, **options)
    if raised is not None:
        raise raised
    return given


async def heartbeats(seconds: float) -> int:
    """How often the launch's loop came round in that time; 20 a second if nothing holds it up."""
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.05)
        count += 1
    return count


async def test_work_gives_its_value_on_a_thread_of_its_own() -> None:
    async def soon(call: Call) -> str:
        await asyncio.sleep(0.01)
        return threading.current_thread().name

    assert await value(soon) == "evalkit task code"
    assert await value(lambda call: threading.current_thread().name) == "evalkit task code"
    assert threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize(
    "raised",
    [ValueError("x"), SystemExit(0), KeyboardInterrupt(), GeneratorExit(), StopIteration(), BaseException("y")],
)
async def test_what_work_raises_is_given_back(raised: BaseException) -> None:
    async def fails(call: Call) -> None:
        raise raised

    def fails_at_once(call: Call) -> None:
        raise raised

    expected = RuntimeError if isinstance(raised, StopIteration) else type(raised)
    assert type((await run(fails, limit_s=30))[1]) is expected
    assert (await run(fails_at_once, limit_s=30))[1] is raised


async def test_a_task_that_work_starts_and_that_ends_the_interpreter_ends_nothing() -> None:
    async def exits() -> None:
        raise SystemExit(0)

    async def starts(call: Call) -> str:
        started = asyncio.create_task(exits())
        await asyncio.wait([started])
        started.exception()
        return "on"

    here = AuthorThread.now()
    assert await value(starts) == "on"
    assert AuthorThread.now() is here


async def test_no_two_stretches_overlap_and_all_share_one_loop() -> None:
    lock = asyncio.Lock()

    async def draws(call: Call, seed: int) -> list[float]:
        async with lock:
            random.seed(seed)
            first = random.random()
            for _ in range(1000):
                random.random()
            await asyncio.sleep(0)
            return [first]

    calls = [value(lambda call, seed=seed: draws(call, seed)) for seed in range(50)]
    assert await asyncio.gather(*calls) == [[random.Random(seed).random()] for seed in range(50)]


async def test_the_launch_goes_on_while_work_blocks() -> None:
    blocked = asyncio.create_task(value(lambda call: time.sleep(1.0)))
    assert await heartbeats(0.9) >= 10
    await blocked


async def test_work_that_waits_too_long_is_cancelled_and_says_where() -> None:
    ended = []

    async def waits(call: Call) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    here = AuthorThread.now()
    with pytest.raises(OvertimeError) as caught:
        await run(waits, limit_s=SHORT)
    assert "await asyncio.sleep(3600)" in caught.value.where
    assert ended == [True]
    assert AuthorThread.now() is here


@pytest.mark.parametrize("hangs", ["while True: pass", "time.sleep(2)"])
async def test_work_that_does_not_give_the_thread_back_is_left_behind_with_it(hangs: str) -> None:
    """What hangs in Python is ended there; what hangs in C ends when it ends."""
    here = AuthorThread.now()
    began = time.monotonic()
    with pytest.raises(OvertimeError) as caught:
        await run(lambda call: exec(hangs, {"time": time}), limit_s=SHORT)
    assert time.monotonic() - began < 5
    assert "exec(hangs" in caught.value.where
    assert here.left  # at once: nobody may ask for the room again
    assert AuthorThread.now() is not here
    assert await value(lambda call: "on") == "on"
    here._thread.join(10)
    assert not here._thread.is_alive()


async def test_work_that_will_not_be_cancelled_is_left_alone() -> None:
    async def stubborn(call: Call) -> None:
        for _ in range(20):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.1)

    with pytest.raises(OvertimeError):
        await run(stubborn, limit_s=SHORT)
    assert await value(lambda call: "on", SHORT) == "on"


async def test_others_move_to_a_fresh_thread_when_one_is_left_behind() -> None:
    began: list[str] = []
    both = asyncio.Event()

    async def waits(call: Call, name: str) -> str:
        began.append(name)
        if len(began) == 2:
            call.loop.call_soon_threadsafe(both.set)
        await asyncio.sleep(1.0)
        return name

    pure = asyncio.create_task(value(lambda call: waits(call, "pure"), 30, again=True))
    tool = asyncio.create_task(value(lambda call: waits(call, "tool"), 30))
    await both.wait()
    stuck = asyncio.create_task(value(lambda call: time.sleep(3), 0.2))
    await asyncio.sleep(0.05)
    later = asyncio.create_task(value(lambda call: "later"))  # has not begun when the thread is left
    with pytest.raises(OvertimeError):
        await stuck
    with pytest.raises(MovedError):
        await tool
    assert (await pure, await later) == ("pure", "later")
    assert began == ["pure", "tool", "pure"]


async def test_time_in_which_another_call_held_the_thread_is_not_a_calls_own() -> None:
    async def two_steps(call: Call) -> str:
        await asyncio.sleep(0.05)
        return "done"

    waiting = asyncio.create_task(value(two_steps, 0.5))
    await asyncio.sleep(0.02)
    holding = asyncio.create_task(value(lambda call: time.sleep(1.5)))
    assert await waiting == "done"
    await holding


async def test_cancelling_the_caller_ends_the_work_and_never_holds_the_next() -> None:
    stuck = asyncio.create_task(run(lambda call: time.sleep(3), limit_s=60))
    await asyncio.sleep(0.1)
    stuck.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert await value(lambda call: "on") == "on"
    assert time.monotonic() - began < 2.5


async def test_context_variables_reach_the_work() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    variable.set("set")
    assert await value(lambda call: variable.get()) == "set"


class Box:
    """A sandbox that keeps count and can be slow."""

    level, stronger = "none", ""

    def __init__(self, slow_s: float = 0.0) -> None:
        self.slow_s, self.open, self.threads, self.limits = slow_s, 0, set(), []

    async def ready(self) -> None: ...

    def session(self, *, seed: int = 0, files: Any = None) -> Box:
        return self

    async def __aenter__(self) -> Box:
        self.open += 1
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.open -= 1

    async def run(self, code: str, *, timeout_s: float, persistent: bool = False, preload: Any = ()) -> Output:
        self.threads.add(threading.current_thread().name)
        self.limits.append(timeout_s)
        await asyncio.sleep(self.slow_s)
        if code == "raise":
            raise ValueError("in the sandbox")
        return Output(code)


async def test_the_sandbox_is_used_on_the_launchs_loop() -> None:
    box = Box()

    async def uses(call: Call) -> str:
        async with Sandbox(call, box).session() as session:  # type: ignore[arg-type]
            return (await session.run("hello", timeout_s=5)).stdout

    assert await value(uses) == "hello"
    assert box.threads == {threading.main_thread().name}
    assert box.open == 0


async def test_what_the_sandbox_raises_reaches_the_work() -> None:
    async def uses(call: Call) -> str:
        try:
            await Session(call, Box(), 5).run("raise", timeout_s=5)  # type: ignore[arg-type]
        except ValueError as error:
            return str(error)
        return ""

    assert await value(uses) == "in the sandbox"


async def test_sessions_of_a_call_that_was_left_behind_are_closed() -> None:
    box = Box()

    async def leaks(call: Call) -> None:
        async with Sandbox(call, box).session():  # type: ignore[arg-type]
            time.sleep(2)  # noqa: ASYNC251  (the fault in question)

    with pytest.raises(OvertimeError):
        await run(leaks, limit_s=SHORT)
    assert box.open == 0


async def test_what_the_sandbox_takes_beyond_its_own_limit_is_not_the_calls_time() -> None:
    """A tool that waits for a free child is not slow; one that runs a program without end is."""

    async def uses(call: Call, timeout_s: float) -> str:
        return (await Session(call, Box(1.0), 60).run("x", timeout_s=timeout_s)).stdout  # type: ignore[arg-type]

    assert await value(lambda call: uses(call, 0.1), 0.5) == "x"
    with pytest.raises(OvertimeError):
        await run(lambda call: uses(call, 60), limit_s=0.5)


async def test_nothing_in_the_sandbox_takes_longer_than_the_call_may() -> None:
    box = Box()
    await value(lambda call: Session(call, box, 5).run("x", timeout_s=3600))  # type: ignore[arg-type]
    assert box.limits == [5]


async def test_work_may_give_up_waiting_for_the_sandbox() -> None:
    async def impatient(call: Call) -> str:
        try:
            async with asyncio.timeout(0.1):
                await Session(call, Box(30), 60).run("x", timeout_s=60)  # type: ignore[arg-type]
        except TimeoutError:
            return "gave up"
        return ""

    began = time.monotonic()
    assert await value(impatient) == "gave up"
    assert time.monotonic() - began < 5


def test_a_process_ends_although_work_hangs() -> None:
    script = """
import asyncio
from evalkit.task.author_thread import OvertimeError, run

HOLDS_ON = "while True:\\n try:\\n  while True: pass\\n except BaseException: pass"

async def main():
    for source in ("import time; time.sleep(3600)", HOLDS_ON):
        hangs = lambda call: exec(source)
        try:
            await run(hangs, limit_s=0.2)
        except OvertimeError:
            print("stopped", flush=True)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\nstopped\n", "")


def test_a_child_process_has_a_thread_of_its_own() -> None:
    script = """
import asyncio, os
from evalkit.task.author_thread import run

print(asyncio.run(run(lambda call: 1, limit_s=5))[0], flush=True)
if not os.fork():
    print(asyncio.run(run(lambda call: 2, limit_s=5))[0], flush=True)
    os._exit(0)
os.wait()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n2\n", "")


def test_room_limits_are_short_enough_for_tests() -> None:
    assert author_thread.GRACE_S <= 0.5 and author_thread.LOOK_S <= 1.0
