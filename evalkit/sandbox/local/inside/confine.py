"""Confines one child, step by step, in the order in which the steps have to happen."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from .worker import CHANNEL, OUTPUT

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
MAX_INODES = 8192
OTHERS_TOO = 8192
LOWEST_FREE = 10
"""Descriptors from here on are out of the way of the few that a worker has."""


@dataclass(frozen=True)
class Plan:
    """What every child of a zygote is confined to."""

    namespaces: bool
    landlock: bool
    seccomp: bool
    leave_root: int
    """The user to become before the first child; -1 to stay who we are."""
    keep_reading: bool
    """Keep the right to pass through private folders, because the interpreter lies below one."""
    readable: list[str]
    """Files and folders whose content programs may read."""
    listable: list[str]
    """Folders whose names programs may list."""
    memory_mb: int
    """Address space on top of what Python and the preloaded libraries take."""
    cpu_s: int
    disk_mb: int
    processes: int


class Confinement:
    """Prepared once in the zygote, entered by every child."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.handed_over = False
        """Whether this child has sent its handles to the host."""
        self._rules: Any = None
        self._filter = b""
        self._base_bytes = 0

    def prepare(self) -> None:
        """What can be done once for all children: compile the filter, open what may be read, stop being root.

        Raises `OSError` where the kernel cannot confine.
        """
        plan = self.plan
        if plan.seccomp:
            from .seccomp import compile_filter

            self._filter = compile_filter(own_files_only=plan.namespaces)
        if plan.landlock:
            from .landlock import MINIMUM_ABI, Rules, abi

            if abi() < MINIMUM_ABI:
                raise OSError(f"this kernel speaks Landlock ABI {abi()}, and {MINIMUM_ABI} is needed")
            self._rules = Rules(plan.readable, plan.listable, DEVICES, LOWEST_FREE)
        if sys.platform == "linux":
            from . import linux

            linux.prctl(linux.PR_SET_CHILD_SUBREAPER)
            if plan.leave_root >= 0:
                linux.leave_root(plan.leave_root, keep_reading=plan.keep_reading)
        elif plan.leave_root >= 0:
            os.setgroups([])
            os.setgid(plan.leave_root)
            os.setuid(plan.leave_root)

    def measure(self) -> None:
        """Note the address space that Python and what it imported take: limits come on top of it."""
        self._base_bytes = _address_space()

    def fork(self, body: Callable[[], NoReturn]) -> int:
        """Start a child that runs `body`; gives its process number."""
        if self.plan.namespaces:
            return _fork_into_namespaces(body)
        process = os.fork()
        if process == 0:
            body()
        return process

    def enter(self, home: str) -> None:
        """Confine the calling process, which works in `home`. Nothing of the model has run in it yet."""
        plan = self.plan
        _reset_signals()
        os.setsid()  # kill(0) reaches the whole process group, across namespaces too
        if plan.namespaces:
            _mount_own_files(home, plan.disk_mb)
        os.chdir(home)
        os.environ.clear()
        os.environ.update(HOME=home, TMPDIR=home, PATH="/usr/bin:/bin", LANG="C.UTF-8", OMP_NUM_THREADS="1")
        tempfile.tempdir = home
        _hand_over(home)
        self.handed_over = True
        if sys.platform == "linux":
            from . import linux

            linux.set_capabilities(*([linux.CAP_DAC_READ_SEARCH] if plan.keep_reading else []))
            linux.prctl(linux.PR_SET_NO_NEW_PRIVS)
            if not plan.namespaces:  # there the kernel takes every process of the zygote's namespace along
                linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        if self._rules is not None:
            self._rules.restrict_self(home)
        os.closerange(OUTPUT + 1, 65536)
        _limit(plan, self._base_bytes)
        if self._filter:
            from .seccomp import restrict_self

            restrict_self(self._filter)


def _fork_into_namespaces(body: Callable[[], NoReturn]) -> int:
    """A child that is the first process of its own namespaces, by way of one that makes them and leaves at once."""
    from . import linux

    told, tell = os.pipe()
    uid, gid = os.getuid(), os.getgid()
    between = os.fork()
    if between == 0:
        try:
            linux.unshare(
                linux.CLONE_NEWUSER | linux.CLONE_NEWPID | linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
            )
            linux.map_ids(uid, gid)
            process = os.fork()
            if process == 0:
                body()
            os.write(tell, struct.pack("=i", process))
        except OSError as error:
            os.write(tell, struct.pack("=i", 0) + str(error).encode())
        os._exit(0)
    os.close(tell)
    os.waitpid(between, 0)
    answer = os.read(told, 4096)
    os.close(told)
    process = struct.unpack("=i", answer[:4])[0] if answer else 0
    if not process:
        raise OSError(answer[4:].decode() or "the namespaces of a child could not be made")
    return int(process)


def _mount_own_files(home: str, disk_mb: int) -> None:
    """A private file system of limited size as the only writable place, and no view of any process."""
    from . import linux

    linux.mount(None, "/", linux.MS_REC | linux.MS_PRIVATE)
    options = f"size={disk_mb}m,nr_inodes={MAX_INODES},mode=0700"
    linux.mount("tmpfs", home, linux.MS_NOSUID | linux.MS_NODEV, options)
    linux.mount("tmpfs", "/proc", linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC, "size=4k")


def _limit(plan: Plan, base_bytes: int) -> None:
    limits = {
        "AS": base_bytes + (plan.memory_mb << 20),
        "CPU": plan.cpu_s,
        "FSIZE": plan.disk_mb << 20,
        "NOFILE": 64,
        "CORE": 0,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
        "SIGPENDING": 256,
    }
    # without namespaces the limit counts everything that the user runs: it only keeps process numbers for others
    limits["NPROC"] = plan.processes if plan.namespaces else OTHERS_TOO
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue
        hard = value + 1 if name == "CPU" else value
        _, most = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:  # whoever started us has less to give
            value, hard = min(value, most), min(hard, most)
        try:
            resource.setrlimit(kind, (value, hard))
        except (OSError, ValueError):
            if sys.platform == "linux":  # macOS has limits that it does not let anybody set
                raise


def place_descriptors(channel: int, output: int) -> None:
    """Fixed numbers for the few descriptors that a worker has."""
    channel, output = (fcntl.fcntl(one, fcntl.F_DUPFD, LOWEST_FREE) for one in (channel, output))
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2), (channel, CHANNEL), (output, OUTPUT)):
        os.dup2(source, target)


def _address_space() -> int:
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123  (also runs where pathlib is not loaded)
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # no such file on macOS
        return 0


def _reset_signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # as Python has it: an OSError instead of death
        signal.signal(number, signal.SIG_IGN)


def _hand_over(home: str) -> None:
    """Give the host a handle on this process and on its working directory."""
    descriptors = [os.open(home, os.O_RDONLY | os.O_DIRECTORY)]
    if sys.platform == "linux":
        descriptors.append(os.pidfd_open(os.getpid()))
    with socket.socket(fileno=os.dup(CHANNEL)) as channel:
        socket.send_fds(channel, [b"F"], descriptors)
