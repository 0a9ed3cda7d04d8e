"""Whose fault an exception is that comes out of a task's own code, and how it is told."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from evalkit.task.author_faults import TRACEBACK_LIMIT, blamed
from evalkit.task.grade import Grade
from evalkit.util.errors import SandboxError, TaskError, UserError


@pytest.mark.parametrize(
    "raised",
    [
        *(ValueError("odd"), UserError("odd"), SystemExit(0), KeyboardInterrupt(), GeneratorExit(), StopIteration()),
        *(asyncio.CancelledError(), BaseException("odd"), BaseExceptionGroup("two", [SystemExit(1), OSError("two")])),
    ],
    ids=repr,
)
def test_whatever_the_code_raises_is_its_fault(raised: BaseException) -> None:
    with pytest.raises(TaskError) as caught, blamed("the task's grade"):
        raise raised
    assert str(caught.value).startswith("the task's grade raised ")
    assert type(raised).__name__ in str(caught.value)
    assert "test_author_faults.py" in caught.value.traceback
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize("raised", [SandboxError("gone"), TaskError("told", "before")])
def test_what_is_judged_already_passes(raised: Exception) -> None:
    with pytest.raises(type(raised)) as caught, blamed("the task's grade"):
        raise raised
    assert caught.value is raised


def test_ctrl_c_passes() -> None:
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt), blamed("the task's grade"):
        while True:
            time.sleep(0.01)


async def test_the_cancellation_of_whoever_is_inside_passes() -> None:
    async def inside() -> None:
        with blamed("the task's measure"):
            await asyncio.sleep(3600)

    task = asyncio.create_task(inside())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_what_evalkit_raises_for_the_code_is_blamed_on_the_codes_line() -> None:
    with pytest.raises(TaskError) as caught, blamed("the task's grade"):
        Grade(False, "no category")
    assert "grading.py" not in str(caught.value)
    assert "test_author_faults.py" in str(caught.value)


def test_an_exception_that_cannot_say_anything_is_told_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(TaskError, match="Mute"), blamed("the task's grade"):
        raise Mute


def test_endless_texts_and_tracebacks_are_cut_and_safe() -> None:
    with pytest.raises(TaskError) as caught, blamed("the task's grade"):
        raise ValueError("x" * 10**6 + "\x1b[31m" + chr(0xD800))
    assert len(str(caught.value)) < 1_000
    assert len(caught.value.traceback) <= TRACEBACK_LIMIT + 10
    assert not {"\x1b", chr(0xD800)} & set(str(caught.value) + caught.value.traceback)


def test_equal_faults_are_told_in_equal_words() -> None:
    """Addresses in memory and the machine's folders say nothing."""

    def told() -> str:
        with pytest.raises(TaskError) as caught, blamed("the task's grade"):
            raise ValueError(object())
        return str(caught.value) + caught.value.traceback

    one, other = [told() for _ in range(2)]
    assert one == other
    assert "0x…" in one
    assert os.fspath(Path(os.__file__).parent) not in one
