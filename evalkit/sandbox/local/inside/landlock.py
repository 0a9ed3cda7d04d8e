"""Landlock: which files a child may open, write and make, decided by itself and for good."""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from . import linux

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_PATH_BENEATH = 1

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK, _IOCTL_DEV = 1 << 6, 1 << 9, 1 << 11, 1 << 15
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # ABI → how many file rights it knows; 16 from ABI 5 on
MINIMUM_ABI = 3
"""Linux 6.2: before it, files that may not be opened for writing can be truncated."""


def abi() -> int:
    """The version that this kernel speaks; 0 without Landlock."""
    return max(0, linux.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("place", ctypes.c_int32))


def _open_away(path: str, lowest: int) -> int:
    """A handle on `path`, out of the way of the numbers that a child gives to its own descriptors."""
    low = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, lowest)
    finally:
        os.close(low)


class Rules:
    """What every child may read, opened once (as descriptors from `lowest` on); each child adds where it may write."""

    def __init__(self, readable: Iterable[str], listable: Iterable[str], devices: Iterable[str], lowest: int) -> None:
        self._abi = abi()
        self._every_right = (1 << _RIGHTS.get(self._abi, 16)) - 1
        self._places: list[tuple[int, int]] = []
        for paths, rights in ((readable, READ_FILE), (listable, READ_DIR), (devices, READ_FILE | WRITE_FILE)):
            for path in paths:
                if Path(path).is_dir() or (rights != READ_DIR and Path(path).exists()):
                    self._places.append((_open_away(path, lowest), rights))

    def restrict_self(self, writable: str) -> None:
        """Give up every right but these, in `writable` too that of making devices and sockets."""
        own = self._every_right & ~(_MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK | _IOCTL_DEV)
        network = 3 if self._abi >= 4 else 0  # bind and connect, TCP
        scoped = 3 if self._abi >= 6 else 0  # abstract sockets and signals
        attributes = _Ruleset(self._every_right, network, scoped)
        size = ctypes.c_size_t(8 * (1 + (self._abi >= 4) + (self._abi >= 6)))
        ruleset = linux.syscall(_CREATE_RULESET, ctypes.byref(attributes), size, ctypes.c_uint32(0))
        linux.raise_failure(ruleset, "landlock_create_ruleset")
        place = os.open(writable, os.O_PATH | os.O_CLOEXEC)
        for descriptor, rights in (*self._places, (place, own)):
            rule = _Beneath(rights, descriptor)
            added = linux.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0))
            linux.raise_failure(added, "landlock_add_rule")
        linux.raise_failure(linux.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)), "landlock_restrict_self")
