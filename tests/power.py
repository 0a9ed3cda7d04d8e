"""A disk that forgets: evalkit with a shadow of what `fsync` has promised, for tests of a power cut (simulated).

    python -m tests.power SHADOW task=arithmetic …

runs evalkit and notes at every `fsync` what a disk must hold from then on: bytes of a file, names of a folder.
`after_the_cut` makes the store of that: whatever was written and not made durable is gone. Real disks keep more.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from pathlib import Path


class Shadow:
    """What was made durable so far, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.data, self.names = folder / "data", folder / "names"
        for part in (self.data, self.names):
            part.mkdir(parents=True, exist_ok=True)
        self._lock, self._really = threading.Lock(), os.fsync

    def fsync(self, file: int) -> None:
        """In the place of `os.fsync`."""
        self._really(file)
        with self._lock:
            about = os.fstat(file)
            if stat.S_ISREG(about.st_mode):
                self._note(self.data / str(about.st_ino), Path(f"/proc/self/fd/{file}").read_bytes())
            elif stat.S_ISDIR(about.st_mode):
                folder = str(Path(f"/proc/self/fd/{file}").readlink())
                entries = [f"{one.inode()} {one.name}" for one in os.scandir(folder) if one.is_file()]
                self._note(self.names / folder.replace("/", "%"), "\n".join(entries).encode())

    def _note(self, path: Path, content: bytes) -> None:
        scratch = path.with_suffix(".new")
        scratch.write_bytes(content)
        scratch.replace(path)


def after_the_cut(shadow: Path, store: Path) -> None:
    """Leave in `store` what a power cut would have left: folders, durable names, durable bytes."""
    for path in [path for path in store.rglob("*") if path.is_file()]:
        path.unlink()
    for listing in (shadow / "names").iterdir():
        folder = Path(listing.name.replace("%", "/"))
        if listing.suffix == ".new" or not folder.is_relative_to(store):
            continue
        for line in listing.read_text().splitlines():
            number, _, name = line.partition(" ")
            held = shadow / "data" / number
            if held.exists():
                shutil.copyfile(held, folder / name)
            else:
                (folder / name).touch()


if __name__ == "__main__":
    from evalkit.__main__ import main

    os.fsync = Shadow(Path(sys.argv[1])).fsync
    sys.exit(main(sys.argv[2:]))
