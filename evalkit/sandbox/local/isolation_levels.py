"""Which isolation holds here: every level is attacked before it is trusted, and the strongest that holds wins."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.local import probe
from evalkit.sandbox.local.inside.landlock import MINIMUM_ABI
from evalkit.sandbox.local.inside.seccomp import LIBRARY
from evalkit.sandbox.local.scratch_directories import ScratchDirectories
from evalkit.sandbox.local.start import LANDLOCK, NAMESPACES, NOBODY, WEAK, Launch, closed_libraries
from evalkit.sandbox.local.zygote import Zygote
from evalkit.util.errors import SandboxError, UserError

_INSTALL = "apt install "
DESCRIPTORS = 1024
"""A limit on open descriptors that leaves room for many runs."""


@dataclass(frozen=True)
class Mechanism:
    """One thing that isolation is made of."""

    name: str
    present: bool
    detail: str
    """What is there, or what is missing."""
    fix: str = ""
    """How to get it, where it is missing."""


def mechanisms() -> dict[str, Mechanism]:
    """What this machine offers, found out without starting anything."""
    linux = sys.platform == "linux"
    bwrap = shutil.which("bwrap")
    version = landlock_abi() if linux else 0
    library = linux and _loads(LIBRARY)
    found = [
        Mechanism(
            "linux",
            linux,
            f"{platform.system()} {platform.release()}",
            "" if linux else "run on Linux: other systems have none of these mechanisms",
        ),
        Mechanism(
            "bubblewrap",
            bool(bwrap),
            bwrap or "no bwrap on the PATH",
            "" if bwrap else f"{_INSTALL}bubblewrap",
        ),
        Mechanism(
            "landlock",
            version >= MINIMUM_ABI,
            f"ABI {version}",
            "" if version >= MINIMUM_ABI else f"Linux 6.2 or later with Landlock on (ABI {MINIMUM_ABI})",
        ),
        Mechanism(
            "seccomp",
            library,
            LIBRARY if library else f"no {LIBRARY}",
            "" if library else f"{_INSTALL}libseccomp2",
        ),
    ]
    return {mechanism.name: mechanism for mechanism in found}


_NEEDS: Mapping[str, tuple[str, ...]] = {
    NAMESPACES: ("linux", "bubblewrap", "landlock", "seccomp"),
    LANDLOCK: ("linux", "landlock", "seccomp"),
    WEAK: (),
}


def landlock_abi() -> int:
    """The Landlock version of this kernel, 0 without."""
    from evalkit.sandbox.local.inside import landlock

    return landlock.abi()


def _loads(library: str) -> bool:
    with contextlib.suppress(OSError):
        ctypes.CDLL(library)
        return True
    return False


@dataclass(frozen=True)
class Rejected:
    """Why a level is not in force."""

    level: str
    reason: str
    fix: str = ""

    @property
    def remedy(self) -> str:
        """What would help; where that is not known, what went wrong."""
        return self.fix or self.reason


@dataclass(frozen=True)
class Climb:
    """A zygote at the strongest level that held, and why the stronger ones did not."""

    zygote: Zygote
    rejected: tuple[Rejected, ...] = ()


_HELD: set[tuple[str, int]] = set()
"""Levels that withstood the probe in this process, with the user it ran as."""
_NAMESPACE_FIX = (
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces and "
    "kernel.apparmor_restrict_unprivileged_userns, or a container runtime that permits them)"
)


_NAMESPACE_WORDS = ("namespace", "unshare", "mount", "uid_map", "uid map", "setgroups", os.strerror(errno.EPERM))
_SHORTAGES = (
    ((os.strerror(errno.EMFILE),), f"raise the limit on open descriptors: ulimit -n {DESCRIPTORS}"),
    ((os.strerror(errno.ENFILE),), "close something: the machine has no descriptor left"),
    ((os.strerror(errno.ENOMEM), "MemoryError", "failed to map"), "free memory, or raise the limit on it: ulimit -v"),
    ((os.strerror(errno.EAGAIN), "can't start new thread"), "raise the limit on processes and threads: ulimit -u"),
)
"""What a machine can be short of: words of the system that say so, and what helps."""
_TEMPORARY_FIX = "set TMPDIR to a folder with room that everybody may pass through"


async def climb(config: SandboxConfig, places: ScratchDirectories) -> Climb:
    """Start a zygote at the strongest level that is asked for and holds. Raises UserError if there is none."""
    rejected: list[Rejected] = []
    for level in _wanted(config):
        outcome = await attempt(level, config, places)
        if isinstance(outcome, Zygote):
            return Climb(outcome, tuple(rejected))
        rejected.append(outcome)
    raise UserError(_nothing_holds(rejected))


async def attempt(level: str, config: SandboxConfig, places: ScratchDirectories) -> Zygote | Rejected:
    """A zygote at exactly this level, or why there is none."""
    lacking = [mechanism for name in _NEEDS[level] if not (mechanism := mechanisms()[name]).present]
    if lacking:
        reason = ", ".join(f"{mechanism.name}: {mechanism.detail}" for mechanism in lacking)
        return Rejected(level, reason, _together([mechanism.fix for mechanism in lacking]))
    closed = closed_libraries() if level == NAMESPACES and os.geteuid() == 0 else []
    if closed:
        paths = " ".join(closed)
        return Rejected(level, f"user {NOBODY}, whom programs run as, may not read {paths}", f"chmod -R o+rX {paths}")
    try:
        return await _start(level, config, places)
    except (SandboxError, OSError) as error:  # what the machine is short of can show on this side or on the other
        return Rejected(level, str(error), _remedy(level, str(error)))


def _together(fixes: list[str]) -> str:
    """One command for all packages."""
    packages = [fix.removeprefix(_INSTALL) for fix in fixes if fix.startswith(_INSTALL)]
    others = [fix for fix in fixes if not fix.startswith(_INSTALL)]
    return "; ".join([*([_INSTALL + " ".join(packages)] if packages else []), *others])


def _remedy(level: str, reason: str) -> str:
    """What would help against this reason, as far as it is known."""
    if fix := next((fix for words, fix in _SHORTAGES if any(word in reason for word in words)), ""):
        return fix
    if level == NAMESPACES and any(word in reason for word in _NAMESPACE_WORDS):
        return _NAMESPACE_FIX
    temporary = ("temporary directory", str(tempfile.tempdir), os.strerror(errno.ENOSPC))
    return _TEMPORARY_FIX if any(word in reason for word in temporary) else ""


def _wanted(config: SandboxConfig) -> list[str]:
    if config.level == "auto":
        return [NAMESPACES, LANDLOCK, *([WEAK] if config.allow_weak else [])]
    if config.level == WEAK and not config.allow_weak:
        raise UserError("sandbox.level=weak lets programs read your files and network: add sandbox.allow_weak=true")
    return [config.level]


def _nothing_holds(rejected: list[Rejected]) -> str:
    """What each level lacks, and how to get the one that lacks least."""
    reasons = "; ".join(f"{one.level}: {one.reason}" for one in rejected)
    fixes = [one.fix for one in reversed(rejected) if one.fix]
    if fixes and set(fixes) <= {_TEMPORARY_FIX, *(fix for _, fix in _SHORTAGES)}:
        return f"no sandbox can be started on this machine ({rejected[-1].reason}): {fixes[0]}"
    return (
        f"no acceptable isolation holds on this machine ({reasons}): {f'{fixes[0]}, or ' if fixes else ''}"
        "accept that programs can read your files and use the network with sandbox.allow_weak=true"
    )


async def _start(level: str, config: SandboxConfig, places: ScratchDirectories) -> Zygote:
    """A zygote at this level, which withstood the probe (weak ones are not probed). Raises SandboxError."""
    launch = Launch(level)
    zygote = Zygote(launch, config)
    try:
        await zygote.start(launch.plan(config))
        if level != WEAK and (level, os.geteuid()) not in _HELD:
            verdicts = await probe.attack(zygote, places.new(level), config)
            if leaks := sorted(name for name, through in verdicts.items() if through):
                raise SandboxError(f"attacks on it got through: {', '.join(leaks)}")
            _HELD.add((level, os.geteuid()))
    except BaseException:
        zygote.close()
        raise
    return zygote
