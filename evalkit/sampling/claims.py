"""Claims: the leased right of one process to sample one run, held by a small file, also on a network file system.

Only whole-file steps are used that such file systems promise: creating with O_EXCL, renaming, deleting. The text of a
claim, its *mark*, is unique. Whoever's mark stands in the file owns the run; every append, renewal and release looks
first (`Claim.check`), so a process that lost its claim while it stood still writes nothing when it wakes.

    taken ──renewed every quarter of the lease──→ let go
      └── holder dead, or the file unchanged for a whole lease of the watcher's own clock ──→ taken over

Clocks are never compared: a watcher reads the claim twice and measures the time between on its own monotonic clock.

Taking over goes by an *heir*, a file that is named after the mark that is to be replaced and made with O_EXCL: of
all that judged the same claim dead, one makes it. It looks whether the claim is still as it was judged, and renames
the heir over it. An heir that died on the way is itself replaced by one that is named after it. Whoever took over
deletes what an earlier owner or taker, standing still, might still rename into place when it wakes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evalkit.util import signals
from evalkit.util.errors import ClaimLostError
from evalkit.util.files import afresh, append

LEASE_S = 60.0
"""A claim that was not renewed for so long belongs to a process that is dead, or that stands still and will notice."""
_LONGEST = 4096
"""Bytes of a claim that are read; a mark has some two hundred."""


class Reading(NamedTuple):
    """A claim as it looked at one moment."""

    mark: str
    changed: int
    """Modification time in ns by whoever's clock: compared with another reading of the same file, with nothing else."""


class Claims:
    """The claims below one folder, and since when this process has seen each of them unchanged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[Path, tuple[Reading, float]] = {}
        self._looked = -LEASE_S

    def of(self, run: int | str) -> Claim:
        """The claim of a run, by its number or by its place below the folder; not yet taken."""
        return Claim(self.folder / f"{run if isinstance(run, str) else f'{run:04d}'}.claim", self)

    def dead(self, path: Path, reading: Reading) -> bool:
        """Whether the holder is known to be dead or has not renewed for a lease since this process first looked."""
        if _ended(reading.mark):
            return True
        now = time.monotonic()
        if now - self._looked > LEASE_S / 4:  # one look at all of them: a dead launch leaves many
            self._looked = now
            for other in (*self.folder.glob("*.claim"), *self.folder.glob("*/*.claim")):
                with suppress(OSError):  # somebody's own file or folder: it matters when its run is wanted
                    self._note(other, now)
        first, since = self._seen.get(path, (None, now))
        if first != reading:
            self._seen[path] = (reading, now)
            return False
        return now - since > LEASE_S

    def _note(self, path: Path, now: float) -> None:
        reading = read(path)
        if reading is None:
            self._seen.pop(path, None)
        elif self._seen.get(path, (None,))[0] != reading:
            self._seen[path] = (reading, now)


class Claim:
    """The right to sample one run. Enter it to hold it: it is renewed, and let go in the end."""

    def __init__(self, path: Path, claims: Claims | None = None) -> None:
        self.path = path
        self._claims = claims or Claims(path.parent)
        self._pid = os.getpid()
        self._mark = json.dumps({**place(), "token": secrets.token_hex(8)})
        self._renewing: asyncio.Task[None] | None = None
        self._forget: Callable[[], None] = lambda: None

    def take(self) -> bool:
        """Whether it is ours now. OSError where the folder cannot be written."""
        return self._create(self.path) or self._take_over()

    def held(self) -> bool:
        """Whether it is still ours: not taken over, and not inherited by a fork."""
        found = read(self.path)
        return found is not None and found.mark == self._mark and os.getpid() == self._pid

    def check(self) -> None:
        """Raise `ClaimLostError` unless it is still ours."""
        if not self.held():
            raise ClaimLostError(f"{self.path} belongs to another process now")

    def holder(self) -> str:
        """Who has it, for people; empty if nobody or unknown."""
        found = read(self.path)
        about = _about(found.mark) if found else {}
        return f"process {about['pid']} on {about['host']}" if about else ""

    def _create(self, path: Path) -> bool:
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            return False
        try:
            try:
                append(handle, self._mark.encode())
            finally:
                os.close(handle)  # where a network file system may say for the first time that there is no room
        except OSError:  # leave nothing that others would wait for
            path.unlink(missing_ok=True)
            raise
        return True

    def _take_over(self) -> bool:
        """Replace a dead claim, or say that it is none."""
        judged = read(self.path)
        if judged is None:
            return False  # let go just now: the next try will tell
        line = [(self.path, judged)]
        while (heir := read(self._heir(*line[-1]))) is not None:
            line.append((self._heir(*line[-1]), heir))
        if not self._claims.dead(*line[-1]):
            return False
        mine = self._heir(*line[-1])
        if not self._create(mine):
            return False
        try:
            if read(self.path) != judged:  # renewed, let go or taken over since we judged
                return False
            mine.replace(self.path)
            self._fence_off()
        except FileNotFoundError:  # we stood still here for a lease, and were replaced ourselves
            pass
        finally:
            with suppress(OSError):
                mine.unlink(missing_ok=True)
        return self.held()

    def _fence_off(self) -> None:
        """Delete what others, standing still, would rename over the claim or the record of this run when they wake."""
        for pattern in (f"{self.path.stem}.*.heir", f".{self.path.stem}.jsonl.*"):
            for late in self.path.parent.glob(pattern):
                late.unlink(missing_ok=True)

    def _heir(self, path: Path, reading: Reading) -> Path:
        """The file whose maker may replace what `path` says. A torn mark may stand in several: the name tells them."""
        of = reading.mark if _about(reading.mark) else path.name + reading.mark
        return self.path.with_suffix(f".{hashlib.sha256(of.encode()).hexdigest()[:16]}.heir")

    async def __aenter__(self) -> Claim:
        self._renewing = asyncio.create_task(self._renew())
        self._forget = signals.add_last_rite(self._let_go)
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._renewing:
            self._renewing.cancel()
        self._let_go()
        self._forget()

    def _let_go(self) -> None:
        with suppress(OSError):  # what cannot be deleted, others take over
            if self.held():
                self.path.unlink()
                self._heir(self.path, Reading(self._mark, 0)).unlink(missing_ok=True)  # of a taker that stands still

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 4)
            with suppress(OSError):
                if self.held():
                    os.utime(self.path)


def read(path: Path) -> Reading | None:
    """A claim as it is now; None if there is none. Opens it, which makes a network file system look afresh.

    OSError for what is not a file, and where the disk refuses.
    """

    def look() -> Reading:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # a pipe may be empty
            text = file.read(_LONGEST) or b""
            return Reading(text.decode("utf-8", "replace"), os.fstat(file.fileno()).st_mtime_ns)

    try:
        return afresh(look)
    except FileNotFoundError:
        with suppress(FileNotFoundError):
            return Reading("", path.lstat().st_mtime_ns)  # a link to nowhere: torn, like an empty file
        return None


def _here() -> tuple[str, str]:
    """This boot of this machine, and this process's table of process ids; empty where that cannot be known.

    Host names do not tell: containers share them. Between two places, only the lease counts.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip(), str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "", ""


def place() -> dict[str, str | int]:
    """What tells this process from every other one."""
    boot, pids = _here()
    pid = os.getpid()
    return {"host": socket.gethostname(), "boot": boot, "pids": pids, "pid": pid, "start": _start(pid)}


def _ended(mark: str) -> bool:
    """Whether the process that made the mark is certainly gone: it ran here, and its id is free or another's now.

    Copies of one virtual machine share boot and process ids; where their host names differ, the lease decides.
    """
    about, here = _about(mark), place()
    if not here["boot"] or any(about.get(part) != here[part] for part in ("boot", "pids", "host")):
        return False
    start = _start(about["pid"])
    return start != about["start"] if start else not _hidden(about["pid"])


def _hidden(pid: str | int) -> bool:
    """Whether there is such a process, of another user, that this one may not see (`hidepid` of /proc)."""
    if os.path.exists(f"/proc/{pid}"):  # noqa: PTH110  says no, and raises nothing
        return False  # a corpse
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        pass
    return False


def _about(mark: str) -> dict[str, str | int]:
    """The parts of a mark; empty for one that is torn or of another version."""
    try:
        about = json.loads(mark)
    except (ValueError, RecursionError):
        return {}
    known = isinstance(about, dict) and all(isinstance(about.get(part), kind) for part, kind in _PARTS.items())
    return about if known else {}


_PARTS = {"host": str, "boot": str, "pids": str, "pid": int, "start": str, "token": str}


def _start(pid: str | int) -> str:
    """When a process started, in clock ticks since the boot; empty if there is none, or only its corpse."""
    try:
        fields = Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]
