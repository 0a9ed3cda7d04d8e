"""Thread of a task's own code, beside the launch's event loop, with a loop of its own.

One thread for all of it: no two stretches of it between two `await` overlap (a global random generator stays as it was
seeded), and what its calls share (an `asyncio.Lock`) knows one loop. However long it computes, sleeps or hangs, the
launch goes on, and each call has a limit. One that waits too long is cancelled. One that does not give the thread back
is left behind with it, and the others move to a fresh thread. What hangs in Python is ended there at its next
instruction; what hangs in C nobody can end: it stays until the process ends.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import inspect
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from evalkit.task.author_faults import StoppedError
from evalkit.task.sandbox_calls import Call
from evalkit.util.coroutine_steps import Steps

GRACE_S = 0.5
"""How long code may take to end after it was cancelled, or hold the thread beyond its limit, before it is stuck."""
LOOK_S = 1.0
"""How often a call looks whether code that nobody waits for any more holds the thread."""

Outcome = tuple[Any, BaseException | None]
"""What a piece of code gave, and what it raised."""

_CALL: ContextVar[Call | None] = ContextVar("evalkit_call", default=None)


class OvertimeError(Exception):
    """A call took longer than its limit and was stopped."""

    def __init__(self, where: str) -> None:
        """`where`: the lines of code at which it stood."""
        super().__init__("it took too long")
        self.where = where


class MovedError(Exception):
    """Another call held the thread for too long, and this one cannot be begun anew."""


async def run(work: Callable[[Call], Any], *, limit_s: float, again: bool = False) -> Outcome:
    """What `work` gives, or what comes of awaiting it, on the thread of the task's code.

    `again`: it may be begun anew, for it changes nothing. Raises `OvertimeError` after `limit_s` of its own time,
    `MovedError`, and whatever cancels the caller; what `work` raises is returned.
    """
    while True:
        call = Call(work, limit_s)
        call.context.run(_CALL.set, call)
        try:
            return await AuthorThread.now().perform(call)
        except MovedError:
            if call.began is not None and not again:
                raise
        finally:
            await call.close()


class AuthorThread:
    """One thread, its loop, and the calls that are in it."""

    _now: AuthorThread | None = None

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(self._task)
        self.left = False
        """It is over: whoever still runs in it is left behind."""
        self._calls: dict[Call, asyncio.Future[Outcome]] = {}
        self._holder: Call | None = None
        self._since = 0.0
        self._struck = -GRACE_S
        """When what runs in the thread was last told to end."""
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._serve, name="evalkit task code", daemon=True)
        self._thread.start()

    @classmethod
    def now(cls) -> AuthorThread:
        """The thread of this process; a fresh one if the old one hangs in code that nobody waits for."""
        author = cls._now
        if author is not None:
            author.look()
        if author is None or author.left or author._process != os.getpid() or not author._thread.is_alive():
            cls._now = author = AuthorThread()
        return author

    # on the launch's loop

    async def perform(self, call: Call) -> Outcome:
        """Have a call done here. Raises `OvertimeError`, and `MovedError` when the thread is left first."""
        settled: asyncio.Future[Outcome] = call.loop.create_future()
        self._calls[call] = settled
        self.loop.call_soon_threadsafe(self._begin, call, settled)
        try:
            while not settled.done():
                left = call.limit_s - self._used(call)
                if left <= 0:
                    await self._stop(call, settled)
                await asyncio.wait([settled], timeout=min(LOOK_S, left))
                self.look()
            return settled.result()
        except asyncio.CancelledError:
            call.given_up = True
            self._cancel(call)
            raise
        finally:
            del self._calls[call]
            if not settled.cancel() and not settled.cancelled():
                settled.exception()  # nobody else will ask

    def look(self) -> None:
        """Leave the thread behind if code that nobody waits for any more holds it."""
        holder = self._holder
        if holder is not None and holder.given_up and time.monotonic() - self._since > GRACE_S:
            self._leave()

    def _used(self, call: Call) -> float:
        """Seconds of its own that a call has taken: not those in which another one held the thread."""
        now, holder = time.monotonic(), self._holder
        waits = now - max(self._since, call.began or now) if holder not in (None, call) else 0.0
        return call.used(now) - max(0.0, waits)

    async def _stop(self, call: Call, settled: asyncio.Future[Outcome]) -> None:
        """End a call whose time is up. Raises `OvertimeError`."""
        where = self._where(call)
        self._cancel(call)
        await asyncio.wait([settled], timeout=GRACE_S)
        call.given_up = True
        if not settled.done() and self._holder is call:
            self._leave()
        raise OvertimeError(where)

    def _cancel(self, call: Call) -> None:
        if call.task is not None and not self.left:
            self.loop.call_soon_threadsafe(call.task.cancel)

    def _leave(self) -> None:
        """Give up this thread: end what it runs, if that is possible, and have the other calls move."""
        now = time.monotonic()
        if now - self._struck < GRACE_S:  # it may be on its way out
            return
        self.left, self._struck = True, now
        self.loop.call_soon_threadsafe(self.loop.stop)
        number = ctypes.c_ulong(self._thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(StoppedError))
        for call, settled in list(self._calls.items()):
            call.loop.call_soon_threadsafe(_move, settled)

    def _where(self, call: Call) -> str:
        """The lines at which a call stands, like a traceback."""
        frames: list[Any] = []
        if self._holder is call:
            frame = sys._current_frames().get(self._thread.ident or 0)
            frames = [frame for frame, _ in traceback.walk_stack(frame)][::-1] if frame else []
        else:
            waiting = call.coroutine
            while waiting is not None and getattr(waiting, "cr_frame", None) is not None:
                frames.append(waiting.cr_frame)
                waiting = waiting.cr_await
        return "".join(traceback.StackSummary.extract((frame, frame.f_lineno) for frame in frames).format())

    # on the thread

    def _serve(self) -> None:
        with contextlib.suppress(StoppedError):  # wherever it strikes
            asyncio.set_event_loop(self.loop)
            while not self.left:
                with contextlib.suppress(BaseException):  # SystemExit of a task that the author's code started
                    self.loop.run_forever()
        with contextlib.suppress(BaseException):
            self.loop.set_exception_handler(lambda loop, context: None)  # nobody waits for what is left behind
            rest = asyncio.all_tasks(self.loop)
            for task in rest:
                task.cancel()
            if rest:
                self.loop.run_until_complete(asyncio.wait(rest))
        with contextlib.suppress(BaseException):
            self.loop.close()

    def _begin(self, call: Call, settled: asyncio.Future[Outcome]) -> None:
        if not call.given_up:
            call.task = self.loop.create_task(self._do(call, settled), context=call.context)

    async def _do(self, call: Call, settled: asyncio.Future[Outcome]) -> None:
        if self.left:
            return
        call.began = time.monotonic()
        value, raised = None, None
        try:
            value = call.work(call)
            if inspect.isawaitable(value):
                call.coroutine = value
                value = await value
        except BaseException as error:
            raised = error
        if not self.left:
            with contextlib.suppress(RuntimeError):  # the launch's loop is closed: nobody waits
                call.loop.call_soon_threadsafe(_settle, settled, (value, raised))

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        """Every task of this loop says for which call it runs, whenever it does."""
        context = options.get("context")
        call = _CALL.get() if context is None else context.get(_CALL)
        steps = Steps(work, lambda: self._enter(call), self._exit)
        task: asyncio.Task[Any] = asyncio.Task(steps, loop=loop, **options)
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # of a thread that was left behind
        return task

    def _enter(self, call: Call | None) -> BaseException | None:
        """A step begins. What it is to raise instead, if the thread was left behind."""
        self._since, self._holder = time.monotonic(), call
        return StoppedError() if self.left else None

    def _exit(self) -> None:
        holder, self._holder = self._holder, None
        now = time.monotonic()
        if now - self._since > 0.01:
            for call in list(self._calls):
                if call is not holder and call.began is not None:
                    call.excused += max(0.0, now - max(self._since, call.began))

    def close(self) -> None:
        """End the thread, if it ends."""
        self.left = True
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(1.0)


def _settle(settled: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not settled.done():
        settled.set_result(outcome)


def _move(settled: asyncio.Future[Outcome]) -> None:
    if not settled.done():
        settled.set_exception(MovedError())


@atexit.register
def _close() -> None:
    if AuthorThread._now is not None and AuthorThread._now._process == os.getpid():
        AuthorThread._now.close()
