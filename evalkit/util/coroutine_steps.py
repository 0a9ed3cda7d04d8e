"""Coroutine wrapper that reports when it runs between two `await`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any


class Steps(Coroutine[Any, Any, Any]):
    """`inner`, with `enter` called before and `leave` after every step. What `enter` gives is raised in the step."""

    def __init__(
        self, inner: Coroutine[Any, Any, Any], enter: Callable[[], BaseException | None], leave: Callable[[], None]
    ) -> None:
        self.inner, self._enter, self._leave = inner, enter, leave

    def send(self, value: Any) -> Any:
        """The next step."""
        try:
            fault = self._enter()
            return self.inner.send(value) if fault is None else self.inner.throw(fault)
        finally:
            self._leave()

    def throw(self, kind: Any, value: Any = None, trace: TracebackType | None = None) -> Any:
        """The next step, which begins with an exception."""
        try:
            self._enter()
            return self.inner.throw(kind) if value is None and trace is None else self.inner.throw(kind, value, trace)
        finally:
            self._leave()

    def close(self) -> None:
        """The last step."""
        self.inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.inner.__await__()
