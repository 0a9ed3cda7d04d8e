"""Counts the work that a call does: Python lines and calls, and tensor operations."""

from __future__ import annotations

import sys
from types import FrameType, TracebackType
from typing import Any


class WorkCounter:
    """Context manager: `python` line and call events (C functions too), `tensor` operations below autograd.

    Counting happens beside the code that is counted. It resists every way of writing a loop, but not code that
    tampers with it on purpose: whoever relies on it forbids imports, frames and tracing first.
    """

    def __init__(self) -> None:
        self.python = 0
        self.tensor = 0
        self._operations: Any = None

    def __enter__(self) -> WorkCounter:
        self._operations = _operation_counter(self)
        self._operations.__enter__()
        sys.setprofile(self._on_profile)
        sys.settrace(self._on_trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.settrace(None)
        sys.setprofile(None)
        self._operations.__exit__(kind, error, trace)

    def _on_trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename == __file__:
            return None
        if event in ("call", "line"):
            self.python += 1
        return self._on_trace

    def _on_profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "c_call":
            self.python += 1


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
