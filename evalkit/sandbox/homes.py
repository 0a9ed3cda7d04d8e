"""Working directories on the host, for the levels at which a child cannot have a file system of its own."""

from __future__ import annotations

import itertools
import os
import shutil
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

    def remove(self, home: str) -> None:
        """Delete one of the directories with all that a program left there."""
        if home != WORKSPACE:
            _delete(Path(home))

    def close(self) -> None:
        """Delete whatever is left."""
        if self._base is not None:
            _delete(self._base)


def _delete(folder: Path) -> None:
    for place, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(0o700)  # a program may have locked itself, and us, out
    shutil.rmtree(folder, ignore_errors=True)
