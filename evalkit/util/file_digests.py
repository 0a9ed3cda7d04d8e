"""Digests of files and folders, as they are now: nothing is read twice that has not changed."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

CACHES = (
    "__pycache__",
    ".git",
    ".hg",
    ".svn",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".ipynb_checkpoints",
    ".idea",
    ".vscode",
)
"""Folders that tools make for themselves: no part of what somebody wrote."""
SCRAPS = ("*~", ".*.sw?", ".#*", "#*#", ".DS_Store", "Thumbs.db", "desktop.ini")
"""Files that editors and file managers leave. Every other hidden file counts."""
_SETTLED_NS = 2_000_000_000
"""A file that changed so recently is read again: a second change might leave the same times."""

_known: dict[tuple[int, ...], str] = {}
_as_imported: dict[Path, str] = {}


def tree(folder: Path, *, apart_from: str = "") -> Iterator[Path]:
    """Every file below a folder, links followed, caches and scraps apart; `apart_from` is a folder directly in it."""
    entered = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in entered:  # a link to a folder above
            folders.clear()
            continue
        entered.add(real)
        here = Path(place)
        folders[:] = sorted(name for name in folders if name not in CACHES and (name != apart_from or here != folder))
        for name in sorted(files):
            if not any(fnmatch.fnmatchcase(name, scrap) for scrap in SCRAPS):
                yield here / name


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes. Never raises: what is not a readable file has the reason instead."""
    try:
        facts = path.stat()
    except (OSError, ValueError):  # a text with a null byte is not a path
        return "missing"
    if not stat.S_ISREG(facts.st_mode):
        return f"no file ({stat.S_IFMT(facts.st_mode):o})"  # a pipe would wait for ever
    mark = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    if mark in _known:
        return _known[mark]
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable ({error.errno}) {mark}"
    if time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns) > _SETTLED_NS:
        _known[mark] = found
    return found


def code_file_digest(path: Path) -> str:
    """The same of a Python file. If it was edited since this process first asked, both states count.

    Python goes on running what it imported, while a grader may hand the file as it is now to a sandbox.
    """
    now = file_digest(path)
    first = _as_imported.setdefault(path, now)
    return now if now == first else f"{first} {now}"
