"""A session: one child at a time, started when it is first needed and replaced when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from evalkit.sandbox.local import json_reply, workspace, workspace_files
from evalkit.sandbox.local.child import Answer, Child
from evalkit.sandbox.local.slots import SharedSlot
from evalkit.sandbox.local.workspace import FilePart, Survey
from evalkit.sandbox.protocol import Builtins, Call, FunctionReply, Output
from evalkit.sandbox.snapshots import Snapshot, snapshot_of
from evalkit.sandbox.tensor_bytes import ITEMSIZE, Tensor
from evalkit.util.errors import SandboxError

T = TypeVar("T")
FILL_S = 60.0
"""For one piece of a workspace, on a busy machine."""
ATTEMPTS = 5
"""Children that are tried before a session gives up; a pool may hold several that died together."""


class Children(Protocol):
    """Where a session gets its children from, and leaves them."""

    @property
    def disk_mb(self) -> int:
        """Most that the workspace of one may hold."""
        ...

    async def take_child(self) -> Child:
        """A fresh one. Raises `SandboxError`."""
        ...

    def discard(self, child: Child) -> None:
        """End one that is not needed any more."""
        ...


class LocalSession:
    """What `LocalSandbox.session` gives. Requests that overlap wait for each other."""

    def __init__(self, children: Children, slot: SharedSlot, seed: int, files: Mapping[str, bytes]) -> None:
        self._children = children
        self._slot = slot
        self._seed = one_way(seed)
        self._files = dict(files)
        self._child: Child | None = None
        self._survey: Survey | None = None
        """Of the workspace of a child that is gone, once it was looked at."""
        self._lost: list[tuple[str, str]] = []
        """Files that the child did not get from the one before, of which the model was not told yet."""
        self._defined = False
        self._turn = asyncio.Lock()

    async def run(
        self, code: str, *, timeout_s: float, persistent: bool = False, preload: Sequence[str] = ()
    ) -> Output:
        """Execute a program. See `evalkit.sandbox.protocol.Session`."""
        request = {"op": "run", "persistent": persistent, "preload": list(preload)}
        async with self._turn:
            answer = await self._ask(request, _encoded(code), timeout_s=timeout_s)
            if answer.header.get("leftovers") is True and self._child:
                self._child.kill("its threads outlived its program")  # they would print into the next call
            return await self._told(answer)

    async def define(
        self,
        source: str,
        name: str,
        *,
        timeout_s: float,
        preload: Sequence[str] = (),
        builtins: Builtins | None = None,
    ) -> Output:
        """Execute `source` and keep its function `name`. See `evalkit.sandbox.protocol.Session`."""
        request: dict[str, Any] = {"op": "define", "name": name, "preload": list(preload)}
        if builtins is not None:
            request["builtins"] = {"names": list(builtins.names), "modules": list(builtins.modules)}
        async with self._turn:
            answer = await self._ask(request, _encoded(source), timeout_s=timeout_s)
            output = await self._told(answer)
            self._defined = output.kind == "ok"
            return replace(output, exception=_word(answer, "exception"), forbidden=_word(answer, "forbidden"))

    async def call_json(self, arguments: bytes, *, timeout_s: float) -> FunctionReply:
        """Call the defined function with JSON values. See `evalkit.sandbox.protocol.Session`."""
        async with self._turn:
            if not self._defined or not (self._child and self._child.alive):
                return FunctionReply("died", error="the process that had the function is gone")
            answer = await self._ask({"op": "call_json"}, arguments, timeout_s=timeout_s)
            try:
                reply = json_reply.read(answer)
            except ValueError as error:
                self._child.kill("it forged an answer")
                reply = FunctionReply("bad_reply", error=f"the function's answer is not honest JSON: {error}")
            if answer.header.get("leftovers") is True:
                self._child.kill("its threads outlived the call")  # they would meddle with the next one
            return replace(reply, defined=self._child.alive)

    async def call(
        self,
        arguments: Sequence[Tensor],
        *,
        timeout_s: float,
        return_arguments: bool = False,
        count_work: bool = False,
    ) -> Call:
        """Call the defined function with tensors. See `evalkit.sandbox.protocol.Session`."""
        request = {
            "op": "call",
            "tensors": [_spec(tensor) for tensor in arguments],
            "count": count_work,
            "return_arguments": return_arguments,
        }
        async with self._turn:
            if not self._defined or not (self._child and self._child.alive):
                return Call("died", "no function is defined: the process that had it is gone, or never had one")
            payload = b"".join(tensor.data for tensor in arguments)
            answer = await self._ask(request, payload, timeout_s=timeout_s)
            try:
                return _call(answer, len(arguments) if return_arguments else 0)
            except ValueError as error:
                self._child.kill("it forged an answer")
                return Call("bad_reply", f"the function's answer is not an honest tensor: {error}")

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """A regular file of the workspace. See `evalkit.sandbox.protocol.Session`."""
        async with self._turn:
            child = await self._live_child()
            return await _in_thread(workspace.read, child.directory, path, max_bytes)

    async def write_file(self, path: str, content: bytes) -> None:
        """Put a file into the workspace. See `evalkit.sandbox.protocol.Session`. Raises `ValueError`.

        The child writes it, as its own user and within its own limits: all that it can spoil is its own file.
        """
        name = "/".join(workspace.parts_of(path))
        async with self._turn:
            child = await self._live_child()
            for piece in workspace.pieces_of({name: content}):
                request = {"op": "put", "parts": piece.parts, "afresh": True}
                answer = await child.request(request, piece.content, timeout_s=FILL_S)
                if failed := answer.error or _said(answer.header.get("failed")):
                    raise ValueError(f"{path} could not be written: {failed}")

    async def list_files(self) -> Mapping[str, int]:
        """What lies in the workspace. See `evalkit.sandbox.protocol.Session`."""
        async with self._turn:
            if self._child is None:
                return {path: len(content) for path, content in sorted(self._files.items())}
            child = await self._live_child()
            return await _in_thread(workspace_files.listed, child.directory)

    async def snapshot(self, patterns: Sequence[str], *, max_bytes: int) -> Snapshot:
        """The files that fit a pattern. See `evalkit.sandbox.protocol.Session`."""
        async with self._turn:
            if self._child is None:  # nobody has worked there yet: no child need start for it
                return snapshot_of(self._files, patterns, max_bytes)
            child = await self._live_child()
            return await _in_thread(workspace_files.snapshot, child.directory, patterns, max_bytes)

    async def _ask(self, request: dict[str, Any], payload: bytes = b"", *, timeout_s: float) -> Answer:
        child = await self._live_child()
        return await child.request(request, payload, timeout_s=timeout_s)

    async def _told(self, answer: Answer) -> Output:
        """What the model is told of a program: also which of its files do not survive the end of its child."""
        lost, self._lost = self._lost, []
        if self._child and not self._child.alive:
            lost += (await self._surveyed(self._child)).left
        return _with(_output(answer), workspace.note(lost))

    async def _surveyed(self, child: Child) -> Survey:
        """What can be carried over from a child that is gone."""
        if self._survey is None:
            await child.ended()
            self._survey = await _in_thread(workspace.survey, child.directory, self._children.disk_mb)
        return self._survey

    async def _live_child(self) -> Child:
        """The child, or a fresh one with the same files in place of one that died."""
        if self._child is not None and self._child.alive:
            return self._child
        if self._child is None:
            await self._slot.join()
            try:
                self._child = await self._fresh_child(partial(workspace.pieces_of, self._files), whole=True)
            except BaseException:
                self._slot.leave()
                raise
            return self._child
        old = self._child  # keeps its slot, and its files as long as they are read
        told = self._survey is not None  # not if it died between two calls
        survey = await self._surveyed(old)
        self._child = await self._fresh_child(partial(workspace.pieces, old.directory, survey.entries), whole=False)
        self._lost += [] if told else survey.left
        self._survey = None
        self._defined = False
        self._children.discard(old)
        return self._child

    async def _fresh_child(self, pieces: Callable[[], Iterator[FilePart]], *, whole: bool) -> Child:
        """A child with files in its workspace. The zygote and its pool may have died a moment ago, unnoticed yet.

        `whole`: every file has to fit. Otherwise the model will be told what did not.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                child = await self._children.take_child()
            except SandboxError:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(0.05 * attempt)
                continue
            try:
                answer, failed = await self._fill(child, pieces())
            except BaseException:
                child.close()  # nobody else knows of it yet
                raise
            if answer.kind == "ok" and not (failed and whole):
                self._lost += failed
                return child
            self._children.discard(child)
            if failed:
                raise SandboxError(f"the task's file {failed[0][0]} does not fit into the workspace: {failed[0][1]}")
            if answer.kind != "died" or attempt == ATTEMPTS:
                raise SandboxError(f"a workspace could not be filled: {answer.error}")
        raise AssertionError("every attempt returns or raises")

    async def _fill(self, child: Child, pieces: Iterator[FilePart]) -> tuple[Answer, list[tuple[str, str]]]:
        """Seed a child and hand it the files, read in a thread; what became of it, and the files that did not fit."""
        failed: list[tuple[str, str]] = []
        answer = await child.request({"op": "begin", "seed": self._seed}, timeout_s=FILL_S)
        while answer.kind == "ok" and (piece := await _in_thread(next, pieces, None)):
            answer = await child.request({"op": "put", "parts": piece.parts}, piece.content, timeout_s=FILL_S)
            failed += [(str(path), str(reason)) for path, reason in answer.header.get("failed", [])]
        return answer, failed

    async def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        self._defined = False
        if child is not None:
            self._slot.leave()
            self._children.discard(child)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Off the event loop. Cancelled, it waits for the thread all the same: its descriptor must stay what it is."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        raise


def one_way(seed: int) -> int:
    """The seed that a child is told: 63 bits that do not give away `seed`, of which a task's hidden inputs are drawn.

    Every generator can be asked for its seed, or for a state that inverts to it.
    """
    return int.from_bytes(hashlib.sha256(f"sandbox/{seed}".encode()).digest()[:8], "big") >> 1


def _encoded(source: str) -> bytes:
    """As UTF-8, half characters included: the compiler on the other side says what is wrong with them."""
    return source.encode("utf-8", "surrogatepass")


def _said(failed: Any) -> str:
    """Why a file could not be written, as a child says that may lie."""
    try:
        return str(failed[0][1])[:200] if failed else ""
    except (LookupError, TypeError):
        return "its process gave no reason"


def _word(answer: Answer, name: str) -> str:
    """A short text of a header, which may be anything."""
    return json_reply.word(answer.header.get(name))


def _output(answer: Answer) -> Output:
    kind: Literal["ok", "raised", "timeout", "died"]
    kind = "died" if answer.kind in ("forged", "bad_reply") else answer.kind  # type: ignore[assignment]
    return Output(answer.printed, answer.error, kind, answer.cut_bytes)


def _with(output: Output, note: str) -> Output:
    """The same with a note at its end."""
    if not note:
        return output
    if output.error is not None:
        return replace(output, error=f"{output.error}; {note}")
    return replace(output, stdout=f"{output.stdout}\n[{note}]")


def _call(answer: Answer, arguments: int) -> Call:
    """What an answer says, if every part of it has the right form. Raises ValueError."""
    if answer.kind != "ok":
        kind = "bad_reply" if answer.kind == "forged" else answer.kind
        return Call(kind, answer.error, seconds=answer.seconds)
    specs, more = answer.header.get("tensors"), answer.header.get("arguments")
    if type(specs) is not list or type(more) is not list or len(specs) > 64 or len(more) != arguments:
        raise ValueError("another number of tensors than asked for")
    tensors = tensors_of([*specs, *more], answer.payload)
    return Call(
        "ok",
        returned=tuple(tensors[: len(specs)]),
        arguments=tuple(tensors[len(specs) :]),
        work=_work(answer.header.get("work", {})),
        seconds=answer.seconds,
    )


def _spec(tensor: Tensor) -> dict[str, Any]:
    return {"dtype": tensor.dtype, "shape": list(tensor.shape), "nbytes": len(tensor.data)}


def tensors_of(specs: list[Any], payload: bytes) -> list[Tensor]:
    """Tensors cut out of `payload`. Raises ValueError unless it is exactly used up."""
    tensors, start = [], 0
    for spec in specs:
        if type(spec) is not dict:
            raise ValueError("a description that is not an object")
        dtype, shape = spec.get("dtype"), spec.get("shape")
        if type(dtype) is not str or dtype not in ITEMSIZE:
            raise ValueError("a dtype that may not cross")
        if type(shape) is not list or len(shape) > 64 or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError("a shape that is not a list of sizes")
        end = start + math.prod(shape) * ITEMSIZE[dtype]
        tensors.append(Tensor(dtype, tuple(shape), payload[start:end]))  # checks the number of bytes
        start = end
    if start != len(payload):
        raise ValueError(f"{len(payload) - start} bytes too many")
    return tensors


def _work(work: Any) -> dict[str, int]:
    if type(work) is not dict or any(type(n) is not int or n < 0 for n in work.values()):
        raise ValueError("a count that is not a whole number")
    return {name: work[name] for name in ("python", "tensor", "lost") if name in work}
