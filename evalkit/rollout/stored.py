"""Stored rollout: one whose conversation is on disk and is read again when somebody asks for it.

Tens of thousands of conversations do not fit in memory, and most of what is done with a run needs its counts alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from evalkit.rollout.journal import read_rollout
from evalkit.rollout.record import Rollout

_LEFT = frozenset(("prompt", "system", "tools", "turns"))


class _OnDisk:
    """A field that is read from the file, unless it was set, as on a copy (`dataclasses.replace`)."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, stored: Any, owner: type) -> Any:
        if stored is None:
            return ()
        return getattr(read_rollout(Path(stored.__dict__["_path"])), self._name)


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
        kept = {name: value for name, value in vars(rollout).items() if name not in _LEFT}
        kept["set_up"] = sys.intern(rollout.set_up)  # most runs of a launch have the same
        counts = rollout.output_tokens, rollout.input_tokens, rollout.steps, rollout.tool_errors
        stored.__dict__.update(kept, _path=str(path), _counts=counts)
        return stored

    @property
    def output_tokens(self) -> int:
        return self._count(0, "output_tokens")

    @property
    def input_tokens(self) -> int:
        return self._count(1, "input_tokens")

    @property
    def steps(self) -> int:
        return self._count(2, "steps")

    @property
    def tool_errors(self) -> int:
        return self._count(3, "tool_errors")

    def _count(self, place: int, name: str) -> int:
        counts = self.__dict__.get("_counts")
        found: int = counts[place] if counts else getattr(Rollout, name).fget(self)
        return found
