"""Linux calls that Python 3.11 has no function for, by ctypes."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 4, 8, 22
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
CAP_DAC_READ_SEARCH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def raise_failure(result: int, what: str) -> int:
    """Pass on a result, or raise OSError for a call that failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object) -> int:
    """A system call by its number; the result may be an error."""
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    return result


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones."""
    raise_failure(_libc.unshare(flags), "unshare")


def mount(kind: str | None, target: str, flags: int, options: str | None = None) -> None:
    """Mount a file system of this kind, or change how `target` propagates."""
    name = kind.encode() if kind else None
    data = options.encode() if options else None
    raise_failure(_libc.mount(name, target.encode(), name, ctypes.c_ulong(flags), data), f"mount {kind} on {target}")


def prctl(option: int, value: int = 1, pointer: object = None) -> None:
    """Set one attribute of the process."""
    zero = ctypes.c_ulong(0)
    raise_failure(_libc.prctl(option, ctypes.c_ulong(value), pointer, zero, zero), f"prctl {option}")


def set_capabilities(*kept: int) -> None:
    """Keep these capabilities and drop all others."""

    class Header(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    class Sets(ctypes.Structure):
        _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))

    mask = sum(1 << number for number in kept)
    header, sets = Header(0x20080522, 0), (Sets * 2)(Sets(mask, mask, 0), Sets(0, 0, 0))
    raise_failure(_libc.capset(ctypes.byref(header), sets), "capset")


def map_ids(uid: int, gid: int) -> None:
    """Be the same user and group inside the new user namespace, and nobody else."""
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        Path("/proc/self", name).write_text(line)


def leave_root(uid: int, *, keep_reading: bool) -> None:
    """Become an ordinary user for good.

    `keep_reading` keeps the right to pass through private folders (an interpreter below /root); what may be
    read is then up to Landlock alone.
    """
    os.setgroups([])
    if keep_reading:
        prctl(PR_SET_KEEPCAPS)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    set_capabilities(*([CAP_DAC_READ_SEARCH] if keep_reading else []))
    prctl(PR_SET_DUMPABLE)  # else /proc/self belongs to root, and a user namespace cannot be set up
