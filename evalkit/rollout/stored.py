"""Stored rollout: one whose conversation is on disk and is read again when somebody asks for it.

Tens of thousands of conversations do not fit in memory, and most of what is done with a run needs its counts alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalkit.rollout.journal import read_rollout
from evalkit.rollout.record import Rollout


class _OnDisk:
    """A field that is read from the file, unless it was set, as on a copy (`dataclasses.replace`)."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, stored: Any, owner: type) -> Any:
        if stored is None:
            return ()
        return getattr(read_rollout(stored.__dict__["_path"]), self._name)


class StoredRollout(Rollout):
    """The same rollout with its counts in memory. Asking for its conversation raises what `read_rollout` raises."""

    prompt: Any = _OnDisk()
    system: Any = _OnDisk()
    tools: Any = _OnDisk()
    turns: Any = _OnDisk()

    @classmethod
    def of(cls, rollout: Rollout, path: Path) -> StoredRollout:
        """`rollout`, which was written to `path`."""
        stored = object.__new__(cls)
        kept = {
            name: value for name, value in vars(rollout).items() if name not in ("prompt", "system", "tools", "turns")
        }
        counts = {name: getattr(rollout, name) for name in ("output_tokens", "input_tokens", "steps", "tool_errors")}
        stored.__dict__.update(kept, _path=path, _counts=counts)
        return stored

    @property
    def output_tokens(self) -> int:
        return self._count("output_tokens")

    @property
    def input_tokens(self) -> int:
        return self._count("input_tokens")

    @property
    def steps(self) -> int:
        return self._count("steps")

    @property
    def tool_errors(self) -> int:
        return self._count("tool_errors")

    def _count(self, name: str) -> int:
        counts = self.__dict__.get("_counts")
        found: int = counts[name] if counts else getattr(Rollout, name).fget(self)
        return found
