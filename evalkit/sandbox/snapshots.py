"""Snapshot: the content of files of a workspace that patterns name, and what could not be taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.util.path_patterns import matches

MAX_FILES = 1_000
"""As many as a workspace keeps when its process ends."""


class Snapshot(dict[str, bytes]):
    """Relative path → content of files of a workspace, in order, and what fitted a pattern and could not be taken."""

    NAMED = 20
    """Paths that are named of those that were left out; of the others their number."""

    def __init__(self, files: Mapping[str, bytes] | None = None, left_out: Mapping[str, str] | None = None) -> None:
        super().__init__(files or {})
        self.left_out: dict[str, str] = dict(left_out or {})
        """Path → why it was left out, in order."""
        self._more = 0

    def leave_out(self, path: str, reason: str) -> None:
        """Name a file that could not be taken."""
        if len(self.left_out) < self.NAMED:
            self.left_out[path] = reason
        else:
            self._more += 1
            self.left_out["…"] = f"and {self._more:,} more"


def snapshot_of(files: Mapping[str, bytes], patterns: Sequence[str], max_bytes: int) -> Snapshot:
    """Those of some files in memory that fit a pattern, as long as they have room in `max_bytes` together."""
    found = Snapshot()
    left = max_bytes
    for path in sorted(files):
        if matches(path, patterns):
            if reason := no_room(found, len(files[path]), left, max_bytes):
                found.leave_out(path, reason)
            else:
                found[path] = files[path]
                left -= len(files[path])
    return found


def no_room(found: Snapshot, size: int, left: int, max_bytes: int) -> str:
    """Why a file of `size` bytes has no room in what is `left`; empty if it has."""
    if size > max_bytes:
        return f"larger than {max_bytes:,} bytes"
    if size > left:
        return f"with it there are more than {max_bytes:,} bytes in all"
    return f"with it there are more than {MAX_FILES:,} files" if len(found) >= MAX_FILES else ""
