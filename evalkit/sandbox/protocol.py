"""Sandbox protocol: sessions in which model-written code runs, and what comes back.

Every byte that comes back was written by untrusted code: text is cut and decoded leniently, arrays are
checked bytes with an allowed dtype and a shape, and nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.snapshots import Snapshot as Snapshot
from evalkit.sandbox.tensor_bytes import Tensor


@dataclass(frozen=True)
class Output:
    """What one piece of code did."""

    stdout: str = ""
    """Everything it printed (stdout and stderr, in order), cut at `sandbox.output_kb` with a note that says so."""
    error: str | None = None
    """One readable text: the traceback, "timed out after 30 s", "your program ended the interpreter: …"."""
    kind: Literal["ok", "raised", "timeout", "died"] = "ok"
    """`raised`: an exception. `timeout`: interrupted, or killed when it ignored that. `died`: the child ended.

    Whenever the child is gone, the next call gets a fresh one with the files of the old one.
    """
    dropped_bytes: int = 0
    """Printed bytes that were cut."""
    exception: str = ""
    """Type of the exception that a definition ended with, as the submitted code says."""
    forbidden: str = ""
    """What a definition used that its builtins do not have."""


@dataclass(frozen=True)
class Builtins:
    """Which builtins and modules submitted code may name: a rule for honest code, not a wall. The wall is the sandbox.

    Code that is determined to get around it can, as by `().__class__.__base__.__subclasses__()`.
    """

    names: Sequence[str]
    """Builtin functions and exceptions."""
    modules: Sequence[str] = ()
    """Top-level modules that may be imported; they themselves are not restricted."""


@dataclass(frozen=True)
class FunctionReply:
    """What a submitted function made of one call with JSON values."""

    kind: Literal["ok", "raised", "timeout", "died", "bad_reply", "forbidden"]
    """`forbidden`: it used what its builtins do not have. `bad_reply`: it returned, or left in its arguments, what JSON
    cannot hold. `died`: its process ended. The others as in `Output`."""
    value: Any = None
    """What it returned: JSON, in which a tuple is a list and a float may be infinite or not a number."""
    arguments: Sequence[Any] = ()
    """The arguments as they were after the call, as its process says."""
    error: str | None = None
    """One readable text; None for `ok`."""
    exception: str = ""
    """Type of the exception that it raised, such as `ZeroDivisionError`."""
    seconds: float = 0.0
    """Measured by the host."""
    printed: str = ""
    """What it printed."""
    defined: bool = field(default=False, repr=False, compare=False)
    """Whether its process still has it."""


@dataclass(frozen=True)
class Call:
    """What a submitted function returned for one set of arguments."""

    kind: Literal["ok", "raised", "timeout", "died", "bad_reply"] = "ok"
    """`bad_reply`: it returned no tensor(s), or something that is not an honest tensor."""
    error: str | None = None
    returned: tuple[Tensor, ...] = ()
    arguments: tuple[Tensor, ...] = ()
    """The arguments as they were after the call, with `return_arguments=True`."""
    work: Mapping[str, int] = field(default_factory=dict)
    """With `count_work=True`: `python` (lines that the program executed and calls that it made), `tensor` (tensor
    operations), and `lost`: 1 if the program ended the counting before its call was over, else 0."""
    seconds: float = 0.0
    """Measured by the host."""


class Session(Protocol):
    """One confined child. Not safe for concurrent calls: one request, one answer."""

    async def run(
        self, code: str, *, timeout_s: float, persistent: bool = False, preload: Sequence[str] = ()
    ) -> Output:
        """Execute a program. `persistent`: names survive to the next call. `preload`: `numpy` (as np), `torch`."""
        ...

    async def define(
        self,
        source: str,
        name: str,
        *,
        timeout_s: float,
        preload: Sequence[str] = (),
        builtins: Builtins | None = None,
    ) -> Output:
        """Execute `source` in a fresh namespace and keep its function `name` for `call` and `call_json`."""
        ...

    async def call_json(self, arguments: bytes, *, timeout_s: float) -> FunctionReply:
        """Call the defined function with the values of a JSON list. `Sandbox.function` is how a grader does that."""
        ...

    async def call(
        self,
        arguments: Sequence[Tensor],
        *,
        timeout_s: float,
        return_arguments: bool = False,
        count_work: bool = False,
    ) -> Call:
        """Call the defined function with torch tensors made from `arguments`."""
        ...

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """A regular file of the workspace (relative path, no links followed). FileNotFoundError, ValueError."""
        ...

    async def write_file(self, path: str, content: bytes) -> None:
        """Put a file into the workspace (relative path), in place of one that is there; its folders are made.

        ValueError for a path outside the workspace, and for a file that does not fit into it.
        """
        ...

    async def list_files(self) -> Mapping[str, int]:
        """Relative path → bytes of the regular files of the workspace, in order; links are none."""
        ...

    async def snapshot(self, patterns: Sequence[str], *, max_bytes: int) -> Snapshot:
        """The regular files that fit a pattern (`out.csv`, `src/**/*.py`), of `max_bytes` together; no link followed.

        Whatever fits a pattern and is a link, unreadable or too large is named in `Snapshot.left_out`. Never raises
        for what a program left there.
        """
        ...


class Sandbox(Protocol):
    """Where sessions come from. One per launch."""

    @property
    def level(self) -> str:
        """The isolation in force, by name (`namespaces+landlock+seccomp`, `landlock+seccomp`, `weak`).

        Known once `ready` has returned, or a session has answered; RuntimeError before.
        """
        ...

    @property
    def stronger(self) -> str:
        """Which stronger isolation this machine lacks, and what would give it; empty if none. As `level`."""
        ...

    async def ready(self) -> None:
        """Wait until sessions can be had. Raises UserError if no acceptable isolation holds here."""
        ...

    def session(
        self, *, seed: int = 0, files: Mapping[str, bytes] | None = None
    ) -> AbstractAsyncContextManager[Session]:
        """A fresh child that nothing has touched; killed as a tree on exit.

        `seed` seeds the child's random generators, by a hash that does not give it away, so that a rollout can be
        repeated. `files` (relative path → content) are put into its working directory first.
        """
        ...


class GradingSandbox(Sandbox, Protocol):
    """A sandbox as a task's own code gets it: whatever provides it, it can call submitted functions."""

    def function(
        self,
        source: str,
        name: str,
        *,
        builtins: Builtins | None = None,
        preload: Sequence[str] = (),
        timeout_s: float = 10.0,
        seed: int = 0,
        files: Mapping[str, bytes] | None = None,
    ) -> AbstractAsyncContextManager[Callable[..., Awaitable[FunctionReply]]]:
        """The function `name` of `source` in a session of its own, to be called with JSON values, as often as wanted.

        A source that fails to define it, answers every call with the reason. `timeout_s`: of the definition, and of
        each call. `builtins`: None for all of them.
        """
        ...


class SandboxProvider(Protocol):
    """Opens sandboxes for one value of `sandbox.provider`. An entry point of the group `evalkit.sandboxes` names it."""

    def __call__(self, config: SandboxConfig, *, preload: Sequence[str]) -> AbstractAsyncContextManager[Sandbox]:
        """A sandbox that keeps the bounds of `config` (memory, CPU time, disk, threads, printed output).

        `preload`: modules that every session finds in memory. Entering should not wait for a slow start: `ready` does.
        Leaving ends every session, also after an error. Raises UserError for what cannot work here.
        """
        ...
