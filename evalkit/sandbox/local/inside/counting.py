"""Counts the work that a call does: steps of its program in Python, and tensor operations."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from .program import FILE as PROGRAM


class WorkCounter:
    """Context manager: `python` steps of the program, `tensor` operations below autograd, whether counting was `lost`.

    A step is a line of the program, or a call of or by one of its functions: C functions too, and Python functions
    that C calls on its behalf (`map`). What torch does in Python inside of a call is not a step of the program.

    Counting happens beside the code that is counted. It resists every way of writing a loop, but not code that
    tampers with it on purpose. Whoever relies on it forbids imports, frames and tracing first, and keeps the garbage
    collector off: it would run a suspended generator to its end while a trace function runs, where nothing is traced.
    """

    def __init__(self) -> None:
        self.python = 0
        self.tensor = 0
        self.lost = False
        """Counting ended before the call did: an error in a trace function (of a full stack, say) ends the trace."""
        self._operations: Any = None

    def __enter__(self) -> WorkCounter:
        import torch

        folder = Path(torch.__file__).parent
        self._machinery = (__file__, str(folder / "_ops.py"), str(folder / "_library"))
        self._operations = _operation_counter(self)
        self._operations.__enter__()
        sys.setprofile(self._on_profile)
        sys.settrace(self._on_trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from torch.utils._python_dispatch import _get_current_dispatch_mode

        traced = (sys.gettrace(), sys.getprofile())
        sys.settrace(None)
        sys.setprofile(None)
        counted = _get_current_dispatch_mode() is self._operations
        self.lost = traced != (self._on_trace, self._on_profile) or not counted
        if counted:
            self._operations.__exit__(kind, error, trace)

    def _on_trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if _is_of_program(frame):
            if event in ("call", "line"):
                self.python += 1
            return self._on_trace
        if event == "call" and frame.f_back is not None and _is_of_program(frame.f_back):
            # Torch resolves and hands over every operation in Python while a dispatch mode is on.
            self.python += not frame.f_code.co_filename.startswith(self._machinery)
        return None

    def _on_profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "c_call" and _is_of_program(frame):
            self.python += 1


def _is_of_program(frame: FrameType) -> bool:
    """Whether a frame's code comes from no file: from the program, or from code that was made while it ran.

    Libraries make code, too (dataclasses, named tuples), much of it when torch loads a part of itself at first use.
    What they call of it runs in the namespace of a module of theirs.
    """
    file = frame.f_code.co_filename
    if not file.startswith("<") or file.startswith("<frozen "):
        return False
    if file.startswith(PROGRAM) or frame.f_globals.get("__name__", "__main__") == "__main__":
        return True
    return frame.f_back is not None and _is_of_program(frame.f_back)


def _operation_counter(counter: WorkCounter) -> Any:
    from torch.utils._python_dispatch import TorchDispatchMode

    class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            """Leave torch._dynamo out: importing it costs seconds in the middle of a call."""
            return False

        def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            counter.tensor += 1
            return operation(*args, **(kwargs or {}))

    return Operations()  # type: ignore[no-untyped-call]
