"""Artifacts: files that a task grades, as they stood after each turn; their contents are named after themselves."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.rollout.record import Rollout
from evalkit.util.errors import LostFilesError
from evalkit.util.files import write_bytes

MAX_BYTES = 16 << 20
"""Most that the artifacts of a rollout hold together at any moment; what has no room is named, not kept."""
_NAME = re.compile("[0-9a-f]{64}")
FOLDER = "artifacts"
"""Where contents lie, beside the rollouts of a set and in an output directory."""


@dataclass(frozen=True)
class Standing:
    """The artifacts at one moment."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Relative path → SHA-256 of the content."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Path of what fits a pattern and could not be taken → why."""

    @classmethod
    def of(cls, contents: Mapping[str, bytes], left_out: Mapping[str, str]) -> Standing:
        """Of contents as a session gives them."""
        return cls({path: digest(content) for path, content in sorted(contents.items())}, dict(left_out))


def digest(content: bytes) -> str:
    """The name of a content."""
    return hashlib.sha256(content).hexdigest()


def at_start(rollout: Rollout) -> Standing:
    """How the artifacts stood before the first turn."""
    return Standing(rollout.artifacts, rollout.left_out)


def at_end(rollout: Rollout) -> Standing:
    """How the artifacts stood after the last turn that was complete."""
    for turn in reversed(rollout.turns):
        if turn.artifacts is not None:
            return Standing(turn.artifacts, turn.left_out)
    return at_start(rollout)


def mark(rollout: Rollout) -> str:
    """Digest of the files and of whether anything was submitted, for a rollout that left files to be graded; or empty.

    Two rollouts with one answer and different files are two things to measure.
    """
    if not rollout.patterns:
        return ""
    standing = at_end(rollout)
    parts = [standing.files, standing.left_out, rollout.submission is not None]
    return digest(json.dumps(parts, sort_keys=True).encode())


def names(rollout: Rollout) -> set[str]:
    """The names of all contents that a rollout's record mentions."""
    found = set(rollout.artifacts.values())
    return found.union(*(turn.artifacts.values() for turn in rollout.turns if turn.artifacts))


def keep(folder: Path, contents: Iterable[bytes], *, sync: bool = False) -> None:
    """Write contents that are not there yet, each under its name. OSError from the disk.

    `sync` makes them survive a power loss.
    """
    for content in contents:
        path = folder / digest(content)
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content, sync=sync)


def contents(rollout: Rollout, standing: Standing) -> dict[str, bytes]:
    """Relative path → content. Raises `LostFilesError` for one that is missing or damaged."""
    return {path: _read(rollout, name) for path, name in standing.files.items()}


def copy(rollout: Rollout, folder: Path) -> None:
    """Write every content that a rollout mentions and that is there into another folder. OSError from the disk."""
    for name in sorted(names(rollout)):
        if not (folder / name).exists():
            with suppress(LostFilesError):  # whoever grades the run says so
                keep(folder, [_read(rollout, name)])


def _read(rollout: Rollout, name: str) -> bytes:
    if rollout.blobs is None:
        raise LostFilesError(f"The files of run {rollout.run} were not kept: run it again")
    path = rollout.blobs / name
    if not _NAME.fullmatch(name):  # a record from elsewhere must not name another place
        raise LostFilesError(f"The record of run {rollout.run} names no content by {name[:80]!r}: run it again")
    try:
        content = path.read_bytes()
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    else:
        if digest(content) == name:
            return content
        why = "is damaged"
    raise LostFilesError(
        f"{path} {why}, and run {rollout.run} left it to be graded: delete its rollout and run it again"
    )
