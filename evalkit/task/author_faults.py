"""Errors of a task's own code as `TaskError`: one sentence, and the traceback without evalkit's own frames."""

from __future__ import annotations

import asyncio
import dis
import inspect
import linecache
import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from evalkit.config.search_path import PACKAGE, bundled, folders
from evalkit.util.errors import SandboxError, TaskError
from evalkit.util.text import plain

MESSAGE_LIMIT, LINE_LIMIT, TRACEBACK_LIMIT = 500, 120, 8_000
"""Characters that are kept; of a longer traceback its beginning and its end."""
_HERE = f"{PACKAGE}/"


class StoppedError(BaseException):
    """Raised in a thread that was left behind, at whatever instruction it is."""


@contextmanager
def blamed(what: str, code: object = None) -> Iterator[None]:
    """Raise `TaskError` for whatever the task's code inside raises, however odd; `what`: "the task's grade".

    `code`: the function whose result is checked inside: an error that nothing raised points at its definition.
    What passes: a sandbox that failed, Ctrl-C, the cancellation of whoever is inside, and the end of a thread that was
    left behind.
    """
    try:
        yield
    except TaskError as error:
        if error.traceback or not (place := _definition(code)):
            error.traceback = error.traceback or str(error)
            raise
        raise TaskError(f"{error} ({place.quoted})", place.in_traceback) from error
    except SandboxError:
        raise
    except BaseException as error:
        if from_outside(error):
            raise
        raise task_error(what, error) from error


def from_outside(error: BaseException) -> bool:
    """Whether it was done to the task's code, not by it."""
    if isinstance(error, StoppedError):
        return True
    if isinstance(error, KeyboardInterrupt):
        return not _raised_by_statement(error)
    if not isinstance(error, asyncio.CancelledError):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop, so nobody to cancel it
        return False
    return task is not None and task.cancelling() > 0


def _raised_by_statement(error: BaseException) -> bool:
    """Whether a `raise` of the task's own code raised it: a signal strikes at any other instruction."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None or last.tb_frame.f_code.co_filename.startswith(str(Path(asyncio.__file__).parent)):
        return False
    return last.tb_frame.f_code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def task_error(what: str, error: BaseException) -> TaskError:
    """`the task's grade raised KeyError: 'x' (tasks/probe/__init__.py:31: "the line")`, with its traceback."""
    own = _own_part(error.__traceback__)
    said = steady("".join(traceback.format_exception_only(type(error), error)))
    frames = [frame for frame in traceback.extract_tb(own) if not _ours(frame.filename) and frame.filename[0] != "<"]
    own_frames = [frame for frame in frames if _in_a_task(frame.filename)] or frames  # not those of a library it calls
    place = f" ({_place(own_frames[-1])})" if own_frames else ""
    sentence = f"{what} raised {plain(said, one_line=True, limit=MESSAGE_LIMIT)}{place}"
    return TaskError(sentence, _traceback(error, own))


def raising_line(error: TaskError) -> str:
    """The author's line that raised, as it stands in the file; empty where the traceback has none."""
    lines = error.traceback.splitlines()
    last = max((number for number, line in enumerate(lines) if line.startswith('  File "')), default=len(lines))
    return lines[last + 1].strip() if last + 1 < len(lines) else ""


def _place(frame: traceback.FrameSummary) -> str:
    """`tasks/probe/__init__.py:31: "the line"`."""
    line = f': "{plain(frame.line, one_line=True, limit=LINE_LIMIT)}"' if frame.line else ""
    return f"{steady(frame.filename)}:{frame.lineno}{line}"


class _Definition(NamedTuple):
    """Where a function begins."""

    quoted: str
    in_traceback: str


def _definition(code: object) -> _Definition | None:
    """Where a function begins; None if that is not known."""
    own = getattr(inspect.unwrap(getattr(code, "__func__", code)), "__code__", None)  # type: ignore[arg-type]
    if own is None:
        return None
    line = linecache.getline(own.co_filename, own.co_firstlineno).strip()
    frame = traceback.FrameSummary(own.co_filename, own.co_firstlineno, own.co_name, line=line)
    said = f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n    {line}'
    return _Definition(_place(frame), steady(said))


def _own_part(found: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not evalkit's."""
    while found is not None and _ours(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found


def _ours(filename: str) -> bool:
    return filename.startswith(_HERE) and not filename.startswith(str(bundled("tasks")))


def _in_a_task(filename: str) -> bool:
    return any(Path(filename).is_relative_to(folder) for folder in folders("tasks"))


def _traceback(error: BaseException, own: TracebackType | None) -> str:
    lines = traceback.format_exception(type(error), error, own)
    text = plain(steady("".join(lines))).rstrip("\n")
    half = TRACEBACK_LIMIT // 2
    return text if len(text) <= TRACEBACK_LIMIT else f"{text[:half]}\n…\n{text[-half:]}"


def steady(text: str) -> str:
    """The same for equal launches: without addresses in memory, and with paths that do not depend on the machine."""
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", text)
    for prefix in _prefixes():
        text = text.replace(prefix, "")
    return text


def _prefixes() -> list[str]:
    """What paths of tasks and libraries start with, the longest first."""
    tasks = [f"{folder.parent}/" for folder in folders("tasks")]
    return sorted({*tasks, *_libraries()}, key=len, reverse=True)


@cache
def _libraries() -> tuple[str, ...]:
    places = sysconfig.get_paths()
    return tuple(f"{places[name]}/" for name in ("purelib", "platlib", "stdlib"))
