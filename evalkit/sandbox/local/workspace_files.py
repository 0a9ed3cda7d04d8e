"""Files of a session's workspace for the host: a list of them, and the content of those that patterns name.

Everything here blocks: call it in a thread. As in `workspace.py`, no link is followed and no size is trusted.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from evalkit.sandbox.local.workspace import (
    FOLDER,
    KINDS,
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_NAMES,
    MAX_PATH,
    as_inside,
    read,
)
from evalkit.sandbox.snapshots import Snapshot, no_room
from evalkit.util.path_patterns import is_literal, matches, may_hold
from evalkit.util.text import counted


def listed(directory: int) -> dict[str, int]:
    """Relative path → bytes of the regular files below `directory`, at most `MAX_ENTRIES` of them, in order."""
    found = ((path, size) for path, size, reason in _walk(directory, "", lambda path: True) if not reason)
    return dict(sorted(islice(found, MAX_ENTRIES)))


def snapshot(directory: int, patterns: Sequence[str], max_bytes: int) -> Snapshot:
    """The files below `directory` that fit a pattern, as long as they have room in `max_bytes` together."""
    found = Snapshot()
    left = max_bytes
    for path, size, reason in _matching(directory, patterns):
        reason = reason or no_room(found, size, left, max_bytes)
        if not reason:
            try:
                found[_name(path)] = content = read(directory, path, left)
                left -= len(content)
            except (OSError, ValueError) as error:
                reason = str(error)
        if reason:
            found.leave_out(_name(path), reason)
    return found


def _name(path: str) -> str:
    """A path as the record keeps it: text that UTF-8 can hold."""
    return as_inside(path).encode("utf-8", "backslashreplace").decode()


def _matching(directory: int, patterns: Sequence[str]) -> list[tuple[str, int, str]]:
    """Path, size and why it cannot be read, of everything that fits; in order, whatever the file system's is."""
    globs = [pattern for pattern in patterns if not is_literal(pattern)]
    found = {path: (path, size, why) for path, size, why in _literals(directory, patterns)}
    if globs:
        walked = _walk(directory, "", lambda folder: may_hold(folder, globs))
        fitting = ((path, size, why) for path, size, why in walked if matches(path, globs))
        found |= {path: (path, size, why) for path, size, why in islice(fitting, MAX_NAMES)}
    return [found[path] for path in sorted(found)]


def _literals(directory: int, patterns: Sequence[str]) -> Iterator[tuple[str, int, str]]:
    """Those that are named outright need no look at what else lies there."""
    for path in filter(is_literal, patterns):
        try:
            *folders, name = path.split("/")
            yield path, *_about(directory, folders, name)
        except OSError:  # nothing is there, or a link stands in the place of a folder
            continue


def _about(directory: int, folders: Sequence[str], name: str) -> tuple[int, str]:
    """Size of a file, and why it cannot be taken. Raises OSError."""
    here, opened = directory, []
    try:
        for folder in folders:
            here = os.open(folder, FOLDER, dir_fd=here)
            opened.append(here)
        found = os.stat(name, dir_fd=here, follow_symlinks=False)
        return found.st_size, _kind(found.st_mode)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _kind(mode: int) -> str:
    """Why something is no regular file; empty if it is one."""
    if stat.S_ISREG(mode):
        return ""
    return "a folder" if stat.S_ISDIR(mode) else KINDS.get(stat.S_IFMT(mode), "not a regular file")


def _walk(directory: int, prefix: str, enters: Callable[[str], bool]) -> Iterator[tuple[str, int, str]]:
    """Everything but folders below `directory`. A folder that is too full, too deep or locked is left alone."""
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in islice(entries, MAX_NAMES + 1))
    except OSError:
        return
    if len(names) > MAX_NAMES:
        yield f"{prefix}*", 0, f"more than {counted(MAX_NAMES, 'name')} in one folder"
        return
    for name in names:
        path = prefix + name
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                yield path, found.st_size, _kind(found.st_mode)
            elif path.count("/") + 1 < MAX_DEPTH and len(os.fsencode(path)) < MAX_PATH and enters(path):
                inner = os.open(name, FOLDER, dir_fd=directory)
                try:
                    yield from _walk(inner, f"{path}/", enters)
                finally:
                    os.close(inner)
        except OSError:  # locked by the program, or gone
            continue
