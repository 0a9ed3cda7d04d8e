"""Serves one session inside a confined child. From the host's point of view all of this is untrusted."""

from __future__ import annotations

import builtins
import contextlib
import gc
import io
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from . import builtins_policy, frames, program, tensors, values

CHANNEL = 3
"""The descriptor of the channel to the host."""
OUTPUT = 4
"""A spare of the output pipe, in case the program closes 1 and 2."""
Reply = tuple[dict[str, Any], bytes]


def serve() -> NoReturn:
    """Answer one request after the other until the host hangs up."""
    Worker().answer({"op": "run", "persistent": False, "preload": []}, b"None")  # its page faults now, not later
    worker = Worker()
    vars(builtins).update(exit=sys.exit, quit=sys.exit)  # what the site module would have put there
    signal.signal(signal.SIGINT, worker.on_interrupt)
    frames.write(CHANNEL, frames.pack({"up": True}))
    while True:
        try:
            header, payload = frames.read(CHANNEL)
        except (EOFError, OSError):
            os._exit(0)
        reply, data = worker.answer(header, payload)
        frames.write(CHANNEL, frames.pack({**reply, "nonce": header["nonce"]}, data))


class Worker:
    """The state of a session: names that persist, the function that was defined, the seed."""

    def __init__(self) -> None:
        self.home = Path.cwd()
        self.names: dict[str, Any] | None = None
        self.programs = 0
        self.function: Any = None
        self.policy: dict[str, Any] | None = None
        """The builtins that it may use, if not all."""
        self.seed = 0
        self.unwanted: set[str] = set()
        """Paths whose file could not be made."""
        self.unseeded = {"random", "numpy", "torch"}
        self.interruptible = False

    def on_interrupt(self, *_: object) -> None:
        """Only the program is interrupted, never the worker around it. Raises `KeyboardInterrupt` in the program."""
        if self.interruptible:
            raise KeyboardInterrupt

    def answer(self, header: dict[str, Any], payload: bytes) -> Reply:
        """Do what one request asks for; whatever the program does becomes a reply."""
        self._restore_interpreter()
        operation = getattr(self, f"do_{header['op']}")
        reply: Reply = {}, b""
        try:
            self.interruptible = True
            try:
                reply = operation(header, payload)
            except BaseException as error:
                reply = _failure(error) | self._about(error), b""
            self.interruptible = False
        except BaseException as error:  # interrupted while an error was being worded
            self.interruptible = False
            reply = {"kind": "raised", "error": type(error).__name__}, b""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        if header["op"] == "call_json" or (header["op"] == "run" and not header["persistent"]):
            reply[0]["leftovers"] = threading.active_count() > 1
        return reply

    def _about(self, error: BaseException) -> dict[str, Any]:
        """What graders of functions want to know of an exception."""
        forbidden = builtins_policy.violated(error, self.policy)
        return {"exception": type(error).__name__} | ({"forbidden": forbidden} if forbidden else {})

    def _restore_interpreter(self) -> None:
        """Undo what an earlier program may have done to the parts that every call relies on."""
        signal.signal(signal.SIGINT, self.on_interrupt)
        sys.settrace(None)
        sys.setprofile(None)
        for descriptor in (1, 2):
            os.dup2(OUTPUT, descriptor)
        sys.stdout, sys.stderr = _stream(1), _stream(2)

    def do_begin(self, header: dict[str, Any], payload: bytes) -> Reply:
        """Seed the generators, before any program runs."""
        self.seed = header["seed"]
        self._seed_generators()
        return {"kind": "ok"}, b""

    def do_put(self, header: dict[str, Any], payload: bytes) -> Reply:
        """Put parts of files into the working directory; say which paths did not fit. `afresh`: in place of others."""
        start, failed = 0, []
        for path, size, offset, length in header["parts"]:
            data = payload[start : start + length]
            start += length
            if header.get("afresh") and offset == 0:
                self.unwanted.discard(path)
                with contextlib.suppress(OSError):  # a link or a pipe is replaced, not written through
                    (self.home / path).unlink()
            if path in self.unwanted:
                continue
            try:
                _put(self.home / path, size, offset, data)
            except OSError as error:
                self.unwanted.add(path)
                with contextlib.suppress(OSError):
                    (self.home / path).unlink()  # half a file would be worse than none
                failed.append([path, error.strerror or type(error).__name__])
        return {"kind": "ok", "failed": failed}, b""

    def do_run(self, header: dict[str, Any], payload: bytes) -> Reply:
        """Execute a program."""
        code = payload.decode("utf-8", "surrogatepass")
        if not header["persistent"]:
            os.chdir(self.home)
            names, number = self._namespace(header), 1
        else:
            if self.names is None:
                self.names = self._namespace(header)
            self.programs += 1
            names, number = self.names, self.programs
        program.execute(code, names, number)
        if not header["persistent"]:
            _join_threads()
        return {"kind": "ok"}, b""

    def do_define(self, header: dict[str, Any], payload: bytes) -> Reply:
        """Execute the source of a function and keep the function."""
        self.function = self.policy = None
        names = self._namespace(header)
        if "builtins" in header:
            self.policy = names["__builtins__"] = builtins_policy.restricted(**header["builtins"])
        program.execute(payload.decode("utf-8", "surrogatepass"), names)
        function = names.get(header["name"])
        if not callable(function):
            return {"kind": "raised", "error": f"the program defines no function named {header['name']}"}, b""
        self.function = function
        return {"kind": "ok"}, b""

    def do_call(self, header: dict[str, Any], payload: bytes) -> Reply:
        """Call the kept function with tensors; no finalizer runs beside it, from the arguments to the reply's bytes."""
        gc.disable()
        try:
            return self._call(header, tensors.load(header["tensors"], payload))
        finally:
            gc.enable()

    def do_call_json(self, header: dict[str, Any], payload: bytes) -> Reply:
        """Call the kept function with JSON values."""
        arguments = values.load(payload)
        value = self.function(*arguments)
        parts = {"what the function returned": value, "what it left in its arguments": arguments}
        return {"kind": "ok"}, values.dump(parts)

    def _call(self, header: dict[str, Any], arguments: list[Any]) -> Reply:
        reply: dict[str, Any] = {"kind": "ok"}
        if header["count"]:
            from .counting import WorkCounter

            with WorkCounter() as counter:
                value = self.function(*arguments)
            reply["work"] = {"python": counter.python, "tensor": counter.tensor, "lost": int(counter.lost)}
        else:
            value = self.function(*arguments)
        reply["tensors"], buffers = tensors.dump(value)
        reply["arguments"] = []
        if header["return_arguments"]:
            room = tensors.MAX_BYTES - sum(map(len, buffers))
            reply["arguments"], more = tensors.dump(arguments, "was left in the arguments", room)
            buffers += more
        return reply, b"".join(buffers)

    def _namespace(self, header: dict[str, Any]) -> dict[str, Any]:
        names = program.namespace(header["preload"])
        self._seed_generators()
        return names

    def _seed_generators(self) -> None:
        """Seed what is loaded and was not seeded yet, so that a repeated rollout is repeatable."""
        for name in sorted(self.unseeded & set(sys.modules)):
            self.unseeded.discard(name)
            if name == "random":
                random.seed(self.seed)
            elif name == "numpy":
                sys.modules[name].random.seed(self.seed % 2**32)
            else:
                sys.modules[name].default_generator.manual_seed(self.seed % 2**63)


def _put(path: Path, size: int, offset: int, data: bytes) -> None:
    """One part of a file of `size` bytes, or with size -1 a folder."""
    if size < 0:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, size)  # also what makes holes
        while data:
            done = os.pwrite(descriptor, data, offset)
            data, offset = data[done:], offset + done
    finally:
        os.close(descriptor)


def _stream(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors="backslashreplace", line_buffering=True)


def _join_threads() -> None:
    """Wait for threads as the end of a program does."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()


def _failure(error: BaseException) -> dict[str, Any]:
    if isinstance(error, SystemExit):
        if error.code in (None, 0):
            return {"kind": "ok"}
        return {"kind": "raised", "error": f"the program exited with status {error.code!r}"[: program.MAX_ERROR]}
    if isinstance(error, tensors.BadReply):
        return {"kind": "bad_reply", "error": str(error)}
    return {"kind": "raised", "error": program.describe(error)}
