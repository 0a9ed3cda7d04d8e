"""Working directories on the host, for the levels at which a child cannot have a file system of its own."""

from __future__ import annotations

import itertools
import os
import secrets
import tempfile
from pathlib import Path

from evalkit.sandbox.launch import NAMESPACES, NOBODY, WORKSPACE


class Homes:
    """One folder per child below one of the launch, made when it is first needed."""

    def __init__(self) -> None:
        self._base: Path | None = None
        self._numbers = itertools.count(1)

    def new(self, level: str) -> str:
        """A fresh directory for a child at `level`; at the strongest one the child brings its own."""
        if level == NAMESPACES:
            return WORKSPACE
        if self._base is None:
            self._base = Path(tempfile.mkdtemp(prefix="evalkit-"))
            self._base.chmod(0o711)
        home = self._base / str(next(self._numbers))
        home.mkdir(0o700)
        if os.geteuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        return str(home)

    def kept(self, home: str) -> bool:
        """Whether the host has to delete it."""
        return home != WORKSPACE

    def remove(self, home: str) -> None:
        """Delete one of the directories with all that a program left there."""
        if self.kept(home):
            _delete(Path(home))

    def close(self) -> None:
        """Delete whatever is left."""
        if self._base is not None:
            _delete(self._base)


def _delete(folder: Path) -> None:
    """Delete a tree of any depth, even where a program took away the right to enter.

    Folders are moved to the top before they are emptied, so that neither recursion nor a long path can stop it.
    """
    pending = [folder]
    while pending:
        place = pending[-1]
        try:
            place.chmod(0o700)
            for entry in os.scandir(place):
                if not entry.is_dir(follow_symlinks=False):
                    Path(entry.path).unlink()
                elif place == folder:
                    pending.append(Path(entry.path))
                else:
                    pending.append(Path(entry.path).rename(folder / secrets.token_hex(16)))
        except OSError:
            return  # a process that was just killed may still hold on; the folder of the launch goes last
        if pending[-1] == place:
            place.rmdir()
            pending.pop()
