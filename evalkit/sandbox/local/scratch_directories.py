"""Working directories on the host, for the levels at which a child cannot have a file system of its own."""

from __future__ import annotations

import itertools
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from evalkit.sandbox.local.start import NAMESPACES, NOBODY, WORKSPACE
from evalkit.util import signals

LAST_RITE_S = 1.0
"""How long a process that must end at once tries to take its folder with it."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ScratchDirectories:
    """One folder per child below one of the launch, made when it is first needed."""

    def __init__(self) -> None:
        self._base: Path | None = None
        self._numbers = itertools.count(1)
        self._forget: Callable[[], None] = lambda: None
        self._deleting = ThreadPoolExecutor(1, "evalkit-delete")
        """A thread of its own: a program can leave what takes minutes to delete, and nobody else may wait for it."""

    def new(self, level: str) -> str:
        """A fresh directory for a child at `level`; at the strongest one the child brings its own."""
        if level == NAMESPACES:
            return WORKSPACE
        if self._base is None:
            base = Path(tempfile.gettempdir(), f"evalkit-{secrets.token_hex(8)}")
            self._forget = signals.add_last_rite(partial(_delete_for_good, base))  # a signal may come before the folder
            base.mkdir(0o700)
            base.chmod(0o711)
            self._base = base
        home = self._base / str(next(self._numbers))
        home.mkdir(0o700)
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        return str(home)

    def remove(self, home: str) -> None:
        """Delete one of the directories with all that a program left there, some time before `close` returns."""
        if home != WORKSPACE:
            self._deleting.submit(_delete, Path(home))

    def close(self) -> None:
        """Delete whatever is left. Takes as long as that takes: call it in a thread."""
        self._deleting.shutdown()
        if self._base is not None:
            _delete(self._base)
        self._forget()


def _delete_for_good(folder: Path) -> None:
    """Delete a tree that others delete from, or write into, at the same time: they end soon, or are ended."""
    deadline = time.monotonic() + LAST_RITE_S
    _delete(folder)
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
        _delete(folder)


def _delete(folder: Path) -> None:
    """Delete a tree of any depth, even where a program took away the right to enter.

    Goes down and up by one open directory, so that neither recursion nor a long path can stop it.
    """
    try:
        folder.chmod(0o700)
        here = os.open(folder, _DIRECTORY)
    except FileNotFoundError:
        return
    below: list[str] = []
    try:
        while True:
            name = _first_folder(here)
            if name is not None:
                os.chmod(name, 0o700, dir_fd=here)
                here = _step(here, name)
                below.append(name)
            elif below:
                here = _step(here, "..")
                os.rmdir(below.pop(), dir_fd=here)
            else:
                break
        folder.rmdir()
    except OSError:
        return  # a process that was just killed may still hold on; the folder of the launch goes last
    finally:
        os.close(here)


def _first_folder(directory: int) -> str | None:
    """Delete the files of a directory up to the first folder in it; None if there was none."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=directory)
    return None


def _step(directory: int, name: str) -> int:
    """Open the directory `name` in the place of another."""
    opened = os.open(name, _DIRECTORY, dir_fd=directory)
    os.close(directory)
    return opened
