"""Attacks a freshly confined child the way a hostile program would, and says what got through."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.local.zygote import Zygote
from evalkit.util.errors import SandboxError

TIMEOUT_S = 20.0
EXCESS_MB = 512
"""How much more memory than allowed the probe asks for."""


async def attack(zygote: Zygote, home: str, config: SandboxConfig) -> dict[str, bool]:
    """Attack → whether it got through. Raises SandboxError if the attacks could not be run."""
    with _targets() as targets:
        program = f"targets = {json.dumps({**targets, 'memory': (config.memory_mb + EXCESS_MB) << 20})}\n{_ATTACKS}"
        child = await zygote.spawn(home)
        try:
            request = {"op": "run", "persistent": False, "preload": []}
            answer = await child.request(request, program.encode(), timeout_s=TIMEOUT_S)
        finally:
            child.close()
    try:
        return {name: bool(through) for name, through in json.loads(answer.printed).items()}
    except ValueError:
        words = (answer.error or answer.printed or "it printed nothing").splitlines()[-1][:200]
        raise SandboxError(f"the probe could not be run: {words}") from None


@contextlib.contextmanager
def _targets() -> Iterator[dict[str, Any]]:
    """A readable file, a writable folder, two listening sockets and our own process."""
    with tempfile.TemporaryDirectory(prefix="evalkit-probe-") as folder, contextlib.ExitStack() as stack:
        Path(folder).chmod(0o777)
        secret = Path(folder, "secret")
        secret.write_text("found")
        secret.chmod(0o666)
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        targets = {"file": str(secret), "folder": folder, "port": server.getsockname()[1], "process": os.getpid()}
        if sys.platform == "linux":
            targets["abstract"] = f"evalkit-{secrets.token_hex(8)}"
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind("\0" + targets["abstract"])
            listener.listen()
        yield targets


_ATTACKS = """
import ctypes, json, os, socket

libc = ctypes.CDLL(None)

def fork():
    if os.fork() == 0:
        os._exit(0)

def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(name)

def environment():
    if set(os.environ) - {"HOME", "TMPDIR", "PATH", "LANG", "OMP_NUM_THREADS"}:
        return
    raise OSError("nothing that was not meant for it")

attacks = {
    "read a file of the host": lambda: open(targets["file"]).read(),
    "write a file of the host": lambda: open(targets["file"], "a").write("x"),
    "make a file on the host": lambda: open(targets["folder"] + "/made", "w"),
    "truncate a file of the host": lambda: os.truncate(targets["file"], 0),
    "change the mode of a file of the host": lambda: os.chmod(targets["file"], 0o600),
    "read the environment of the evaluator": lambda: open(f"/proc/{targets['process']}/environ", "rb").read(),
    "connect to a port": lambda: socket.create_connection(("127.0.0.1", targets["port"]), 1),
    "connect to an abstract socket": lambda: socket.socket(socket.AF_UNIX).connect("\\0" + targets["abstract"]),
    "signal the evaluator": lambda: os.kill(targets["process"], 0),
    "trace the evaluator": lambda: call("ptrace", 16, targets["process"], 0, 0),
    "start a process": fork,
    "make namespaces": lambda: call("unshare", 0x10000000),
    "take more memory than allowed": lambda: bytearray(targets["memory"]),
    "inherit the environment": environment,
}
verdicts = {}
for name, attack in attacks.items():
    try:
        attack()
        verdicts[name] = True
    except (OSError, MemoryError):
        verdicts[name] = False
print(json.dumps(verdicts))
"""
