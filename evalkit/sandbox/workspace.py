"""Files of a session's working directory, reached through its descriptor: no link is followed, no size is trusted."""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import PurePosixPath

MAX_FILES, MAX_BYTES, MAX_DEPTH = 1_000, 48 << 20, 16


def read(directory: int, path: str, max_bytes: int) -> bytes:
    """A regular file below `directory`. FileNotFoundError; ValueError for anything else than a small regular file."""
    parts = _parts(path)
    opened: list[int] = []
    here = directory
    try:
        for part in parts[:-1]:
            here = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            opened.append(here)
        return _read_regular(here, parts[-1], path, max_bytes)
    except FileNotFoundError:
        raise FileNotFoundError(f"the workspace holds no file {path}") from None
    except OSError as error:
        raise ValueError(f"{path} is no readable regular file of the workspace: {error.strerror}") from None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _parts(path: str) -> list[str]:
    """The components of a relative path that stays inside. Raises ValueError."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts or "\0" in path:
        raise ValueError(f"{path!r} is no path inside the workspace: use a relative one without ..")
    return list(pure.parts)


def _read_regular(directory: int, name: str, path: str, max_bytes: int) -> bytes:
    """Non-blocking, because a program may have left a pipe where a file was expected."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is no regular file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"{path} is larger than {max_bytes} bytes")
    return content


def snapshot(directory: int) -> dict[str, bytes]:
    """The regular files below `directory`, to be put into the place of a child that died.

    Links, files past MAX_FILES or MAX_BYTES and folders deeper than MAX_DEPTH stay behind.
    """
    files: dict[str, bytes] = {}
    _collect(directory, "", files, MAX_DEPTH)
    return files


def _collect(directory: int, prefix: str, files: dict[str, bytes], depth: int) -> None:
    try:
        with os.scandir(directory) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in islice(entries, MAX_FILES)]
    except OSError:
        return  # locked by the program: nothing that can be kept
    for name, is_folder in sorted(found):
        room = MAX_BYTES - sum(map(len, files.values()))
        if len(files) >= MAX_FILES or room <= 0:
            return
        try:
            if not is_folder:
                files[prefix + name] = _read_regular(directory, name, name, room)
            elif depth:
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                try:
                    _collect(inner, f"{prefix}{name}/", files, depth - 1)
                finally:
                    os.close(inner)
        except (OSError, ValueError):
            continue  # no regular file, or too large
