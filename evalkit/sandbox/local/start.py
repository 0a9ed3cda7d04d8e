"""Start of a zygote: the interpreter, its environment and what it may see, for each level of isolation."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.config import search_path
from evalkit.config.schema import SANDBOX_LEVELS, SandboxConfig

LEVELS = NAMESPACES, LANDLOCK, WEAK = SANDBOX_LEVELS[1:]
"""From the strongest to the weakest."""
NOBODY = 65534
"""Whom a sandbox started by root becomes."""
WORKSPACE = "/box"
"""The working directory at the strongest level."""
INSIDE = Path(__file__).resolve().parent / "inside"
_BOOT = "import sys; sys.path[:0] = {0!r}; from inside.zygote import main; del sys.path[0]; main()"


@dataclass(frozen=True)
class Launch:
    """One way to start a zygote."""

    level: str

    @property
    def environment(self) -> dict[str, str]:
        """Everything the zygote is told: no key can be in it."""
        threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        return {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": "0",  # sets iterate in the same order in a repeated rollout
            **dict.fromkeys(threads, "1"),
            "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow, which pandas imports; forks want one thread
            **({"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"} if sys.platform == "darwin" else {}),
        }

    def command(self, control: int) -> list[str]:
        """The command line; `control` is the descriptor of the control socket."""
        boot = _BOOT.format([str(INSIDE.parent), *library_paths()])
        python = [str(interpreter()), "-S", "-s", "-P", "-c", boot, str(control)]
        return [*_bubblewrap(), *python] if self.level == NAMESPACES else python

    def plan(self, config: SandboxConfig) -> dict[str, Any]:
        """What the zygote confines its children to: the fields of `inside.confine.Plan`."""
        confined = self.level != WEAK
        root = os.geteuid() == 0
        protected = protected_paths()
        return {
            "namespaces": self.level == NAMESPACES,
            "landlock": confined,
            "seccomp": confined,
            "leave_root": NOBODY if root else -1,
            "keep_reading": root and self.level != NAMESPACES and not _everybody_may_read(),
            "readable": [path for root in _libraries() for path in around(root, protected)] if confined else [],
            "listable": _libraries() if confined else [],
            "memory_mb": config.memory_mb,
            "cpu_s": config.cpu_s,
            "disk_mb": config.disk_mb,
            "processes": config.processes,
        }


def interpreter() -> Path:
    """The interpreter itself, without the symbolic links of a virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def library_paths() -> list[str]:
    """The folders that third-party modules are imported from in the sandbox, first ones first."""
    found = [sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")]
    for name in ("numpy", "torch"):
        spec = importlib.util.find_spec(name)  # looks, does not import
        if spec and spec.origin:
            found.append(str(Path(spec.origin).parent.parent))
    return _real(found)


def protected_paths() -> list[str]:
    """What no program may read even if it lies among the libraries: evalkit, tasks with their graders, configs."""
    return _real(
        [str(search_path.PACKAGE), *map(str, search_path.folders("tasks")), *map(str, search_path.folders("conf"))]
    )


def around(path: str, protected: Iterable[str]) -> Iterator[str]:
    """`path`, or where it holds something protected, everything in it but that."""
    if any(_below(path, secret) for secret in protected):
        return
    if not any(_below(secret, path) for secret in protected):
        yield path
        return
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if not entry.is_symlink():
            yield from around(entry.path, protected)


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _libraries() -> list[str]:
    """What programs need to read: shared libraries, the standard library, third-party modules, time zones."""
    paths = sysconfig.get_paths()
    system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo"]
    cache = ["/etc/ld.so.cache", "/etc/localtime"]
    own = [paths["stdlib"], paths["platstdlib"], str(Path(sys.base_prefix, "lib")), *library_paths()]
    found = [path for path in _real([*system, *cache, *own]) if Path(path).exists()]
    return [path for path in found if not any(_below(path, other) for other in found if other != path)]


def _everybody_may_read() -> bool:
    return not closed_libraries() and all(map(_reachable, _libraries()))


def closed_libraries() -> list[str]:
    """Libraries that everybody but their owner and root is kept from reading."""
    return [path for path in _libraries() if not _open_to_all(Path(path))]


def _open_to_all(path: Path) -> bool:
    wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    return path.stat().st_mode & wanted == wanted


def _reachable(path: str) -> bool:
    """Whether everybody may pass through all folders above `path`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in Path(path).parents)


def _bubblewrap() -> list[str]:
    """The wrapper that gives the zygote namespaces of its own, with nothing in sight but what it needs."""
    root = os.geteuid() == 0
    alone = ["pid", "net", "ipc", "uts"] if root else ["all"]
    command = [shutil.which("bwrap") or "bwrap", *(f"--unshare-{kind}" for kind in alone)]
    command += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--cap-drop", "ALL"]
    if root:  # real root binds what lies in private homes; the zygote then becomes somebody else
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    seen: set[str] = set()
    for path in _visible():
        for folder in reversed(Path(path).parents[:-1]):
            if str(folder) not in seen and not folder.is_symlink():
                command += ["--perms", "0755", "--dir", str(folder)]  # bwrap would make it 0700
            seen.add(str(folder))
        if Path(path).is_symlink():
            command += ["--symlink", str(Path(path).readlink()), path]
        else:
            command += ["--ro-bind", path, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", WORKSPACE]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


def _visible() -> list[str]:
    """What the zygote itself needs: besides libraries its interpreter and its own code."""
    links = [path for path in ("/lib", "/lib64", "/bin") if Path(path).is_symlink()]
    found = ["/usr", str(interpreter()), str(INSIDE), *_libraries()]
    whole = [path for path in found if not any(_below(path, other) for other in found if other != path)]
    return [*dict.fromkeys(whole), *links]


def _real(paths: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(os.path.realpath(path) for path in paths))
