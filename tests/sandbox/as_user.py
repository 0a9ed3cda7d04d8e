"""Runs a command as an ordinary user, even where the interpreter lies in root's private home."""

from __future__ import annotations

import shlex
import stat
import sys
from pathlib import Path

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
    script.append("rmdir $stash")
    script.append(f"exec {shlex.join([*become, '--', *program])}")
    return ["unshare", "--mount", "sh", "-c", "\n".join(script)]


def _hidden(folders: list[Path]) -> dict[Path, list[Path]]:
    """Outermost private folder → the wanted folders below it."""
    found: dict[Path, list[Path]] = {}
    for folder in dict.fromkeys(path.resolve() for path in folders):
        private = [above for above in reversed(folder.parents) if not above.stat().st_mode & stat.S_IXOTH]
        if private:
            found.setdefault(private[0], []).append(folder)
    return found
