"""Files of a session's working directory, reached through its descriptor: no link is followed, no size is trusted.

Everything here blocks: call it in a thread. A program may have left whatever a file system can hold, so every bound is
checked before anything is read.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath

MAX_ENTRIES, MAX_DEPTH, MAX_PATH = 1_000, 16, 1_000
"""Files and folders that a fresh child gets from the one before it, how deep they lie, and bytes of their paths."""
MAX_NAMES = 10_000
"""Names in one folder that are looked at; a fuller folder stays behind."""
MAX_BYTES = 256 << 20
"""Bytes that a fresh child gets, if `sandbox.disk_mb` allows as many."""
PIECE_BYTES, PIECE_ENTRIES = 1 << 20, 100
"""What is handed over at once: also few enough paths for the header of a frame."""
_PAGE = 4096
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # not blocking: a pipe may lie there by now


@dataclass(frozen=True)
class FileEntry:
    """A folder, or a regular file with the places at which it has content; the rest of it is holes."""

    path: str
    size: int = -1
    """Bytes; -1 for a folder."""
    extents: tuple[tuple[int, int], ...] = ()


@dataclass
class Survey:
    """What of a workspace can be carried over, and what cannot."""

    entries: list[FileEntry] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    """Path and reason of what stays behind."""


@dataclass
class FilePart:
    """Part of a workspace on its way: (path, size, start of these bytes, their number), and the bytes."""

    parts: list[tuple[str, int, int, int]] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)

    def add(self, path: str, size: int, start: int, data: bytes) -> None:
        """One part more."""
        self.parts.append((path, size, start, len(data)))
        self.content += data

    @property
    def full(self) -> bool:
        """Whether it is time to send it."""
        return len(self.content) >= PIECE_BYTES or len(self.parts) >= PIECE_ENTRIES


def read(directory: int, path: str, max_bytes: int) -> bytes:
    """A regular file below `directory`. FileNotFoundError; ValueError for anything else than a small regular file."""
    try:
        with _opened(directory, parts_of(path)) as descriptor:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError(f"{path} is not a regular file")
            content = b"" if found.st_size > max_bytes else os.pread(descriptor, max_bytes + 1, 0)
    except FileNotFoundError:
        raise FileNotFoundError(f"the workspace holds no file {path}") from None
    except OSError as error:
        raise ValueError(f"{path} is not a readable regular file of the workspace: {error.strerror}") from None
    if max(found.st_size, len(content)) > max_bytes:
        raise ValueError(f"{path} is larger than {max_bytes} bytes")
    return content


def parts_of(path: str) -> list[str]:
    """The components of a relative path that stays inside. Raises ValueError."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in path:
        raise ValueError(f"{path!r} is not a path inside the workspace: use a relative one without ..")
    return list(pure.parts)


@contextlib.contextmanager
def _opened(directory: int, parts: list[str]) -> Iterator[int]:
    """The file at the end of a path, no part of which is a link."""
    with contextlib.ExitStack() as stack:
        here = directory
        for number, part in enumerate(parts, start=1):
            here = os.open(part, FOLDER if number < len(parts) else _FILE, dir_fd=here)
            stack.callback(os.close, here)
        yield here


def survey(directory: int, disk_mb: int) -> Survey:
    """Look at everything below `directory` without reading any of it, and decide what a fresh child can be given."""
    found = Survey()
    try:
        _look(directory, "", found, _Room(min(MAX_BYTES, disk_mb << 20)), MAX_DEPTH)
    except OSError as error:
        found.left.append((".", error.strerror or type(error).__name__))
    return found


class _Room:
    """Bytes that are left, in whole pages: that is how a file system of limited size counts them."""

    def __init__(self, total: int) -> None:
        self.total = self.left = total
        self.full = False
        """Whether there are more files and folders than can be carried."""

    def holds(self, extents: tuple[tuple[int, int], ...]) -> bool:
        """Take what a file needs, if it fits."""
        needed = sum(-(-(end - start) // _PAGE) * _PAGE for start, end in extents)
        if needed > self.left:
            return False
        self.left -= needed
        return True


def _look(directory: int, prefix: str, found: Survey, room: _Room, depth: int) -> None:
    """One folder, names in order, so that what stays behind does not depend on the file system."""
    with os.scandir(directory) as entries:
        names = [entry.name for entry in islice(entries, MAX_NAMES + 1)]
    if len(names) > MAX_NAMES:
        found.left.append((prefix or ".", f"more than {MAX_NAMES:,} names in one folder"))
        return
    for name in sorted(names):
        if len(found.entries) >= MAX_ENTRIES:
            if not room.full:
                found.left.append((prefix + name, f"with it there are more than {MAX_ENTRIES:,} files and folders"))
            room.full = True
            return
        try:
            reason = _weigh(directory, name, prefix, found, room, depth)
        except OSError as error:  # locked by the program, or gone
            reason = error.strerror or type(error).__name__
        if reason:
            found.left.append((prefix + name, reason))


def _weigh(directory: int, name: str, prefix: str, found: Survey, room: _Room, depth: int) -> str:
    """Take one file or folder into the survey, or say why it stays behind. Raises OSError."""
    path = prefix + name
    if len(os.fsencode(path)) > MAX_PATH:
        return f"a path of more than {MAX_PATH:,} bytes"
    mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        return _enter(directory, name, path, found, room, depth)
    if not stat.S_ISREG(mode):
        return KINDS.get(stat.S_IFMT(mode), "not a regular file")
    with _opened(directory, [name]) as descriptor:
        size = os.fstat(descriptor).st_size
        extents = tuple(islice(_extents(descriptor, size), room.left // _PAGE + 1))
    if not room.holds(extents):
        return f"more than {room.total >> 20} MiB in all"
    found.entries.append(FileEntry(path, size, extents))
    return ""


KINDS = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def _enter(directory: int, name: str, path: str, found: Survey, room: _Room, depth: int) -> str:
    if not depth:
        return f"more than {MAX_DEPTH} folders deep"
    inner = os.open(name, FOLDER, dir_fd=directory)
    try:
        found.entries.append(FileEntry(path))
        _look(inner, f"{path}/", found, room, depth - 1)
    finally:
        os.close(inner)
    return ""


def _extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, end) of everything in a file that is not a hole."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:  # nothing but a hole up to the end
            return
        end = min(size, os.lseek(descriptor, start, os.SEEK_HOLE))
        if end <= start:  # cut while we look
            return
        yield start, end


def pieces(directory: int, entries: list[FileEntry]) -> Iterator[FilePart]:
    """The content of what was surveyed, bit by bit. A file that has changed since comes as far as it is still there."""
    piece = FilePart()
    for entry in entries:
        for start, data in _content(directory, entry):
            piece.add(as_inside(entry.path), entry.size, start, data)
            if piece.full:
                yield piece
                piece = FilePart()
    if piece.parts:
        yield piece


def as_inside(path: str) -> str:
    """A name as the child spells it, whose file names are UTF-8 whatever the locale of the host."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def _content(directory: int, entry: FileEntry) -> Iterator[tuple[int, bytes]]:
    if not entry.extents:
        yield 0, b""  # makes the file or the folder
        return
    with contextlib.suppress(OSError), _opened(directory, entry.path.split("/")) as descriptor:
        for start, end in entry.extents:
            while start < end and (data := os.pread(descriptor, min(PIECE_BYTES, end - start), start)):
                yield start, data
                start += len(data)


def pieces_of(files: Mapping[str, bytes]) -> Iterator[FilePart]:
    """The same for files in memory."""
    piece = FilePart()
    for path, content in files.items():
        for start in range(0, max(1, len(content)), PIECE_BYTES):
            piece.add(path, len(content), start, content[start : start + PIECE_BYTES])
            if piece.full:
                yield piece
                piece = FilePart()
    if piece.parts:
        yield piece


SHOWN = 5
"""Paths that the model is told; of the others their number."""


def note(left: list[tuple[str, str]]) -> str:
    """What stays behind, in words for the model; empty if nothing does."""
    if not left:
        return ""
    shown = ", ".join(f"{_shown(path)} ({reason})" for path, reason in left[:SHOWN])
    more = f" and {len(left) - SHOWN:,} more" if len(left) > SHOWN else ""
    return f"files that could not be kept: {shown}{more}"


def _shown(path: str) -> str:
    text = path if path.isprintable() else ascii(path)
    return text if len(text) <= 60 else f"{text[:30]}…{text[-29:]}"
