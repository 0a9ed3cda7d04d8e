"""Runs a command as an ordinary user, even where the interpreter lies in root's private home.

As a program: `python -m tests.sandbox.as_user PROGRAM [argument …]`, by root.
"""

from __future__ import annotations

import functools
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UID = 12345
"""A user that needs no entry anywhere."""


def command(program: list[str], *, exposed: list[Path]) -> list[str]:
    """`program` as an ordinary user who may reach `exposed` folders. Needs root.

    Private folders above them are covered by public ones, in a mount namespace of the command's own.
    """
    become = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    script = ["set -e", "stash=$(mktemp -d)"]
    hidden = _hidden([*exposed, Path(sys.prefix), Path(sys.base_prefix)])
    for private, folders in hidden.items():
        for number, folder in enumerate(folders):
            script.append(f"mkdir $stash/{number}; mount --bind {shlex.quote(str(folder))} $stash/{number}")
        script.append(f"mount -t tmpfs -o mode=755 none {shlex.quote(str(private))}")
        for number, folder in enumerate(folders):
            place = shlex.quote(str(folder))
            script.append(f"mkdir -p {place}; mount --move $stash/{number} {place}; rmdir $stash/{number}")
    if not hidden:
        return [*become, "--", *program]  # containers rarely allow mounts
    script.append("rmdir $stash")
    script.append(f"exec {shlex.join([*become, '--', *program])}")
    return ["unshare", "--mount", "sh", "-c", "\n".join(script)]


@functools.cache
def impossible() -> str:
    """Why this root cannot become an ordinary user who reaches the tests; empty if it can."""
    try:
        tried = subprocess.run(command(["true"], exposed=[ROOT]), capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return f"no {error.filename} on the PATH: apt install util-linux"
    return tried.stderr.strip() if tried.returncode else ""


def _hidden(folders: list[Path]) -> dict[Path, list[Path]]:
    """Outermost private folder → the wanted folders below it."""
    found: dict[Path, list[Path]] = {}
    for folder in dict.fromkeys(path.resolve() for path in folders):
        private = [above for above in reversed(folder.parents) if not above.stat().st_mode & stat.S_IXOTH]
        if private:
            found.setdefault(private[0], []).append(folder)
    return found


if __name__ == "__main__":
    program = command(sys.argv[1:], exposed=[ROOT])
    os.execvp(program[0], program)
