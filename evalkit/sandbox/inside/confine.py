"""Confines one child, step by step, in the order in which the steps have to happen."""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from .worker import CHANNEL, OUTPUT


@dataclass(frozen=True)
class Plan:
    """What every child of a zygote is confined to."""

    namespaces: bool
    landlock: bool
    seccomp: bool
    memory_mb: int
    cpu_s: int
    disk_mb: int
    processes: int


class Confinement:
    """Prepared once in the zygote, entered by every child."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def prepare(self) -> None:
        """What can be done once for all children."""

    def fork(self, body: Callable[[], NoReturn]) -> int:
        """Start a child that runs `body`; gives its process number."""
        process = os.fork()
        if process == 0:
            body()
        return process

    def enter(self, channel: int, output: int, request: dict[str, Any]) -> None:
        """Confine the calling process. Nothing of the model has run in it yet."""
        _place_descriptors(channel, output)
        _reset_signals()
        os.setsid()  # kill(0) reaches the whole process group, across namespaces too
        home = request["home"]
        os.chdir(home)
        os.environ.clear()
        os.environ.update(HOME=home, TMPDIR=home, PATH="/usr/bin:/bin", LANG="C.UTF-8", OMP_NUM_THREADS="1")
        tempfile.tempdir = home
        _hand_over(home)
        os.closerange(OUTPUT + 1, 65536)
        self._limit()

    def _limit(self) -> None:
        plan = self.plan
        base = _address_space()
        limits = {
            "AS": base + (plan.memory_mb << 20),
            "CPU": plan.cpu_s,
            "FSIZE": plan.disk_mb << 20,
            "NOFILE": 64,
            "CORE": 0,
            "MEMLOCK": 0,
        }
        for name, value in limits.items():
            kind = getattr(resource, f"RLIMIT_{name}", None)
            if kind is not None:
                hard = value + 1 if name == "CPU" else value
                resource.setrlimit(kind, (value, hard))


def _place_descriptors(channel: int, output: int) -> None:
    """Fixed numbers for the few descriptors that a worker has."""
    channel, output = os.dup2(channel, 200), os.dup2(output, 201)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2), (channel, CHANNEL), (output, OUTPUT)):
        os.dup2(source, target)


def _reset_signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # as Python has it: an OSError instead of death
        signal.signal(number, signal.SIG_IGN)


def _hand_over(home: str) -> None:
    """Give the host a handle on this process and on its working directory."""
    place = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    descriptors = [place]
    if sys.platform == "linux":
        descriptors.append(os.pidfd_open(os.getpid()))
    with socket.socket(fileno=os.dup(CHANNEL)) as channel:
        socket.send_fds(channel, [b"F"], descriptors)


def _address_space() -> int:
    """Bytes of address space that Python and the preloaded libraries take already."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123  (pathlib would be one more import in every child)
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
