"""A session: one child at a time, started when it is first needed and replaced when it dies."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from evalkit.errors import SandboxError
from evalkit.sandbox import workspace
from evalkit.sandbox.api import Call, Output
from evalkit.sandbox.child import Answer, Child
from evalkit.sandbox.wire import ITEMSIZE, Tensor

if TYPE_CHECKING:
    from evalkit.sandbox.family import Family
    from evalkit.sandbox.local import LocalSandbox

ATTEMPTS = 5
"""Children that are tried before a session gives up; a pool may hold several that died together."""


class LocalSession:
    """What `LocalSandbox.session` gives. Requests that overlap wait for each other."""

    def __init__(self, sandbox: LocalSandbox, family: Family, seed: int, files: Mapping[str, bytes]) -> None:
        self._sandbox = sandbox
        self._family = family
        self._seed = seed
        self._files = dict(files)
        self._child: Child | None = None
        self._defined = False
        self._turn = asyncio.Lock()

    async def run(
        self, code: str, *, timeout_s: float, persistent: bool = False, preload: Sequence[str] = ()
    ) -> Output:
        """Execute a program. See `evalkit.sandbox.api.Session`."""
        request = {"op": "run", "persistent": persistent, "preload": list(preload)}
        async with self._turn:
            answer = await self._ask(request, _encoded(code), timeout_s=timeout_s)
            if answer.header.get("leftovers") is True and self._child:
                self._child.kill("its threads outlived its program")  # they would print into the next call
            return _output(answer)

    async def define(self, source: str, name: str, *, timeout_s: float, preload: Sequence[str] = ()) -> Output:
        """Execute `source` and keep its function `name`. See `evalkit.sandbox.api.Session`."""
        request = {"op": "define", "name": name, "preload": list(preload)}
        async with self._turn:
            output = _output(await self._ask(request, _encoded(source), timeout_s=timeout_s))
            self._defined = output.kind == "ok"
            return output

    async def call(
        self,
        arguments: Sequence[Tensor],
        *,
        timeout_s: float,
        return_arguments: bool = False,
        count_work: bool = False,
    ) -> Call:
        """Call the defined function with tensors. See `evalkit.sandbox.api.Session`."""
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
                return Call("bad_reply", f"the function's answer is no honest tensor: {error}")

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """A regular file of the workspace. See `evalkit.sandbox.api.Session`."""
        async with self._turn:
            child = await self._live_child()
            return workspace.read(child.directory, path, max_bytes)

    async def _ask(self, request: dict[str, Any], payload: bytes = b"", *, timeout_s: float) -> Answer:
        child = await self._live_child()
        return await child.request(request, payload, timeout_s=timeout_s)

    async def _live_child(self) -> Child:
        """The child, or a fresh one with the same files in place of one that died."""
        if self._child is not None and self._child.alive:
            return self._child
        files = self._files
        if self._child is not None:
            files = workspace.snapshot(self._child.directory)
            await self.close()
        await self._family.join()
        try:
            child = await self._fresh_child(files)
        except BaseException:
            self._family.leave()
            raise
        self._child = child
        return child

    async def _fresh_child(self, files: Mapping[str, bytes]) -> Child:
        """A child with `files` in its workspace. The zygote and its pool may have died a moment ago, unnoticed yet."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                child = await self._sandbox.take_child()
            except SandboxError:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(0.05 * attempt)
                continue
            try:
                answer = await self._begin(child, files)
            except BaseException:
                child.close()  # nobody else knows of it yet
                raise
            if answer.kind == "ok":
                return child
            await self._sandbox.discard(child)
            if answer.kind != "died" or attempt == ATTEMPTS:
                raise SandboxError(f"a workspace could not be filled: {answer.error}")
        raise AssertionError("every attempt returns or raises")

    async def _begin(self, child: Child, files: Mapping[str, bytes]) -> Answer:
        listed = [[name, len(content)] for name, content in files.items()]
        header = {"op": "begin", "seed": self._seed, "files": listed}
        return await child.request(header, b"".join(files.values()), timeout_s=30)

    async def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        self._defined = False
        if child is not None:
            self._family.leave()
            await self._sandbox.discard(child)


def _encoded(source: str) -> bytes:
    """As UTF-8, half characters included: the compiler on the other side says what is wrong with them."""
    return source.encode("utf-8", "surrogatepass")


def _output(answer: Answer) -> Output:
    kind: Literal["ok", "raised", "timeout", "died"]
    kind = "died" if answer.kind in ("forged", "bad_reply") else answer.kind  # type: ignore[assignment]
    return Output(answer.printed, answer.error, kind, answer.cut_bytes)


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
            raise ValueError("a description that is no object")
        dtype, shape = spec.get("dtype"), spec.get("shape")
        if type(dtype) is not str or dtype not in ITEMSIZE:
            raise ValueError("a dtype that may not cross")
        if type(shape) is not list or len(shape) > 64 or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError("a shape that is none")
        end = start + math.prod(shape) * ITEMSIZE[dtype]
        tensors.append(Tensor(dtype, tuple(shape), payload[start:end]))  # checks the number of bytes
        start = end
    if start != len(payload):
        raise ValueError(f"{len(payload) - start} bytes too many")
    return tensors


def _work(work: Any) -> dict[str, int]:
    if type(work) is not dict or any(type(n) is not int or n < 0 for n in work.values()):
        raise ValueError("a count that is none")
    return {name: work[name] for name in ("python", "tensor") if name in work}
