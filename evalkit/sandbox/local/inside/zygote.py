"""The zygote: imports what sessions need once, then forks one confined child per request. Never runs a program itself.

It is started with an empty environment and not forked from the evaluator, so that no key, grader or reference
is ever in its memory. It obeys the control socket and reports how every child ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from . import frames, worker
from .confine import Confinement, Plan, place_descriptors

STDLIB = (
    "array", "bisect", "cmath", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "hashlib", "heapq", "inspect", "io", "itertools", "json", "math", "operator",
    "pprint", "random", "re", "statistics", "string", "struct", "tempfile", "textwrap", "threading", "time",
    "timeit", "typing", "unittest", "uuid",
)  # fmt: skip
"""What programs import most: in memory before the first of them starts."""


LAZY = {"numpy": ("numpy.random", "numpy.linalg", "numpy.fft")}
"""Parts of modules that they import themselves when first used: 30 ms in every child."""


def main() -> NoReturn:
    """Serve the control socket whose descriptor is the only argument.

    Raises `SystemExit` where it cannot be confined.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    header, _ = frames.read(control.fileno())
    try:
        zygote = Zygote(control, Plan(**header))
    except OSError as error:
        control.sendall(frames.pack({"event": "unfit", "error": str(error)}))
        raise SystemExit(1) from None
    zygote.report({"event": "hello", "python": sys.version.split()[0]})
    zygote.serve()


class Zygote:
    """One process, one thread, a loop over requests and deaths."""

    def __init__(self, control: socket.socket, plan: Plan) -> None:
        self.control = control
        self.children: dict[int, int] = {}
        """Process → number of the child."""
        self.confinement = Confinement(plan)
        self.confinement.prepare()
        self.confinement.measure()
        self.woken, wake = os.pipe()
        for end in (self.woken, wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)

    def serve(self) -> NoReturn:
        """Obey until the evaluator is gone, then take every child along."""
        while True:
            ready, _, _ = select.select([self.control.fileno(), self.woken], [], [])
            if self.woken in ready:
                os.read(self.woken, 4096)
                self._reap()
            if self.control.fileno() in ready:
                try:
                    self._obey(*_receive(self.control))
                except (EOFError, ConnectionError):
                    for process in self.children:
                        _kill(process)
                    os._exit(0)

    def report(self, event: dict[str, Any]) -> None:
        """Tell the evaluator."""
        self.control.sendall(frames.pack(event))

    def _obey(self, request: dict[str, Any], descriptors: list[int]) -> None:
        try:
            if request["do"] == "spawn":
                self._spawn(request, *descriptors)
            elif request["do"] == "signal":
                self._signal(request["child"], request["number"])
            else:
                loaded = load(request["modules"])
                self.confinement.measure()
                self.report({"event": "loaded", **loaded})
        except Exception as error:
            self.report({"event": "failed", "what": request, "error": f"{type(error).__name__}: {error}"})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _spawn(self, request: dict[str, Any], channel: int, output: int) -> None:
        process = self.confinement.fork(lambda: self._become_worker(channel, output, request["home"]))
        self.children[process] = request["child"]

    def _signal(self, child: int, number: int) -> None:
        for process, known in self.children.items():
            if known == child and number == signal.SIGKILL:
                _kill(process)
            elif known == child:
                os.kill(process, number)

    def _become_worker(self, channel: int, output: int, home: str) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            try:
                place_descriptors(channel, output)
                channel = worker.CHANNEL
                self.confinement.enter(home)
            except BaseException as error:
                first = b"" if self.confinement.handed_over else b"E"
                text = f"{type(error).__name__}: {error}"
                frames.write(channel, first + frames.pack({"up": False, "error": text}))
            else:
                worker.serve()
        finally:
            os._exit(1)  # whatever happens, a child never goes on as a zygote

    def _reap(self) -> None:
        while True:
            try:
                process, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            number = self.children.pop(process, None)
            if number is not None:
                if not self.confinement.plan.seccomp:
                    _kill_group(process)  # what it started lives on
                cpu_s = usage.ru_utime + usage.ru_stime
                self.report({"event": "exit", "child": number, "status": status, "cpu_s": round(cpu_s, 3)})


def load(modules: list[str]) -> dict[str, Any]:
    """Import `modules`, single-threaded: forking with a second thread around hangs the children.

    Raises `RuntimeError` for a module that started a thread.
    """
    started = time.perf_counter()
    versions = {}
    for name in (*STDLIB, *modules, *(part for module in modules for part in LAZY.get(module, ()))):
        module = importlib.import_module(name)
        if name in modules:
            versions[name] = str(getattr(module, "__version__", ""))
    if "torch" in modules:
        _warm_torch()
    if sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError(f"importing {' and '.join(modules)} started a thread, and forking would hang the children")
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page that holds an object
    return {"versions": versions, "seconds": round(time.perf_counter() - started, 3)}


def _warm_torch() -> None:
    """Touch what torch sets up on first use. No backward(): it would start threads."""
    import torch

    from .counting import WorkCounter

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    with WorkCounter():
        (torch.ones(8, 8) @ torch.ones(8, 8)).softmax(-1)


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """One request; its descriptors travel with its first bytes."""
    start, descriptors, _, _ = socket.recv_fds(control, 4, 2)
    if not start:
        raise EOFError
    start += control.recv(4 - len(start), socket.MSG_WAITALL) if len(start) < 4 else b""
    (size,) = struct.unpack(">I", start)
    header, _ = frames.unpack(control.recv(size, socket.MSG_WAITALL))
    return header, list(descriptors)


def _kill(process: int) -> None:
    """A child with its process group, which it may not have made yet."""
    _kill_group(process)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
