"""SIGINT, SIGTERM and SIGHUP end whatever runs in the same orderly way; a second one ends it at once.

The first cancels what runs on the event loop, or is raised where none runs: journals are closed, claims let go,
children ended. The second does not wait for that: it does the *last rites* (what the system would not clean up) and
is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:  # imported where it is used: this module is the first to be loaded
    import asyncio

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
T = TypeVar("T")


class Interrupted(KeyboardInterrupt):
    """An ending signal arrived."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_received: list[int] = []
_to_the_end = False
_main: asyncio.Task[Any] | None = None
_rites: dict[object, Callable[[], None]] = {}


@contextmanager
def end_orderly() -> Iterator[None]:
    """Inside, ending signals are handled as above; those that the parent wants ignored (`nohup`) stay ignored.

    Raises `Interrupted` where a signal ended what was inside.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _received.clear()
    ours = [number for number in ENDING if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, _on_signal) for number in ours}
    try:
        yield
    except Exception as error:
        if _received:  # it struck in the middle of something that then failed for want of its other half
            raise Interrupted(_received[0]) from error
        raise
    finally:
        if _received:
            _do_last_rites()
        if not (_received and _to_the_end):
            for number, handler in before.items():
                signal.signal(number, handler)
            _received.clear()  # a later call in this process was not meant


@contextmanager
def to_the_end() -> Iterator[None]:
    """Inside, a process that an ending signal is ending minds a second one until it is gone."""
    global _to_the_end
    _to_the_end = True
    try:
        yield
    finally:
        _to_the_end = False


def run(main: Coroutine[Any, Any, T], runner: asyncio.Runner | None = None) -> T:
    """`asyncio.run`, or `runner.run`, that an ending signal cancels. Raises `Interrupted` then."""
    import asyncio

    own = runner or asyncio.Runner()
    try:
        result = own.run(_as_main(main))
    except asyncio.CancelledError:
        if not _received:
            raise
        raise Interrupted(_received[0]) from None
    finally:
        if runner is None:
            own.close()
    if _received:
        raise Interrupted(_received[0])
    return result


async def _as_main(main: Coroutine[Any, Any, T]) -> T:
    import asyncio

    global _main
    outer, _main = _main, asyncio.current_task()
    try:
        return await main
    finally:
        _main = outer


def add_last_rite(rite: Callable[[], None]) -> Callable[[], None]:
    """`rite` is what must be done before the process ends at once; call what is returned when that is over."""
    key = object()
    _rites[key] = rite

    def forget() -> None:
        _rites.pop(key, None)

    return forget


def _do_last_rites() -> None:
    for rite in list(_rites.values()):
        with suppress(Exception):
            rite()


def _on_signal(number: int, frame: object) -> None:
    _received.append(number)
    if len(_received) > 1:
        _end_now()
    if _main is not None:
        _main.get_loop().call_soon_threadsafe(_main.cancel)
    elif not _on_a_loop():  # on a loop without a main task everything is being closed already
        raise Interrupted(number)


def _on_a_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _end_now() -> NoReturn:
    _do_last_rites()
    with suppress(OSError, ValueError):
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"\nevalkit: interrupted twice: ended at once\n")
    os._exit(128 + _received[0])
