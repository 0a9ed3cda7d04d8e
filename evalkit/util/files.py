"""Files that are there whole or not at all, and what it means when a disk refuses them."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from evalkit.util import signals
from evalkit.util.errors import StorageError
from evalkit.util.redaction import without_known

PIECE = 1 << 18
"""Characters that are written at once where a file is written line by line."""
T = TypeVar("T")


def write_atomically(path: Path, text: str, *, sync: bool = False) -> None:
    """Write a file so that it is there whole or not at all; a disk that refuses leaves no scratch file.

    `sync` makes it survive a power loss: for what cannot be made again for nothing. OSError from the disk.
    """
    write_bytes(path, without_known(text).encode("utf-8", "surrogatepass"), sync=sync)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """The same for text that need not be in memory as a whole. No secret spans two of `lines`."""
    with replacing(path) as file:
        for piece in _pieces(lines):
            append(file, without_known(piece).encode("utf-8", "surrogatepass"))
    os.close(file)


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Joined to what is worth a system call."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size > PIECE:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


def write_bytes(path: Path, content: bytes, *, sync: bool = False) -> None:
    """The same for bytes."""
    with replacing(path, sync=sync) as file:
        append(file, content)
    os.close(file)


@contextmanager
def replacing(path: Path, *, sync: bool = False) -> Iterator[int]:
    """A descriptor of a new file, open for appending, that takes the place of `path` when the block ends well.

    Whoever has the old file open goes on writing to a file without a name. The caller closes the descriptor.
    """
    name = os.fsdecode(os.fsencode(path.name)[:200])  # a name has at most 255 bytes
    scratch = path.with_name(f".{name}.{secrets.token_hex(4)}")
    forget = signals.add_last_rite(partial(scratch.unlink, missing_ok=True))  # before it is there: a signal may be next
    try:
        file = os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            yield file
            if sync:
                os.fsync(file)
            scratch.replace(path)
        except BaseException as error:
            os.close(file)
            with suppress(OSError):
                scratch.unlink()
            if isinstance(error, OSError):
                error.filename = str(path)
            raise
    finally:
        forget()
    if sync:
        sync_folder(path.parent)


def append(file: int, content: bytes) -> None:
    """Write all of it; OSError with as much written as there was room for."""
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def afresh(look: Callable[[], T]) -> T:
    """What `look` returns, which opens a file and reads it; called again where the file was replaced in between.

    A network file system says so (ESTALE); a local one goes on with the old file.
    """
    for _ in range(9):
        try:
            return look()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
    return look()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power loss, where the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def kept_in(folder: Path, knob: str) -> Iterator[None]:
    """Turns an OSError inside into a `StorageError` that names the folder and the knob that chooses another."""
    try:
        yield
    except OSError as error:
        if _gone(folder):
            raise StorageError(
                f"{folder} was deleted in mid-launch: launch again, which costs what is not in the store any more"
            ) from error
        raise StorageError(
            f"{folder} cannot be read or written ({error.strerror or error}): make room there or set "
            f"{knob}=<another folder>; the same command goes on with all that is in the store"
        ) from error


def _gone(folder: Path) -> bool:
    try:
        folder.stat()
    except FileNotFoundError:
        return True
    except OSError:  # a disk that refuses this, too
        pass
    return False


def exists(text: str) -> bool:
    """Whether there is a file or folder of that name; False for what cannot name one."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long, or what no path can hold
        return False
