"""How a zygote is started: the interpreter, its environment and what it may see, for each level of isolation."""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

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
        }

    def command(self, control: int) -> list[str]:
        """The command line; `control` is the descriptor of the control socket."""
        boot = _BOOT.format([str(INSIDE.parent), *library_paths()])
        return [str(interpreter()), "-S", "-s", "-P", "-c", boot, str(control)]


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
    return list(dict.fromkeys(os.path.realpath(path) for path in found))
