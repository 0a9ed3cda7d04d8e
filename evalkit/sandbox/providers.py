"""Sandbox providers by `sandbox.provider`: evalkit's own, and entry points of the group `evalkit.sandboxes`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from evalkit.config.schema import SandboxConfig
from evalkit.sandbox.protocol import Sandbox, SandboxProvider
from evalkit.util.optional_packages import installed
from evalkit.util.providers import Providers

SANDBOXES: Providers[SandboxProvider] = Providers(
    "sandbox.provider", "evalkit.sandboxes", {"local": "evalkit.sandbox.local.sandbox:open_local"}, Sandbox
)


@asynccontextmanager
async def open_sandbox(config: SandboxConfig, *, preload: Sequence[str] | None = None) -> AsyncIterator[Sandbox]:
    """Start the sandbox that `config` describes; starting goes on beside whatever the caller does next.

    `preload` are modules that every child finds in memory: by default NumPy, and torch where it is installed. The
    first call of a session waits until they are, and raises UserError if no acceptable isolation holds here. Raises
    `UserError` for an unknown provider and for one that cannot be loaded.
    """
    if preload is None:
        preload = [name for name in ("numpy", "torch") if installed(name)]
    async with SANDBOXES.get(config.provider)(config, preload=preload) as sandbox:
        SANDBOXES.complete(config.provider, sandbox)
        yield sandbox
