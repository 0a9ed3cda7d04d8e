"""What a launch keeps open from its first check to its last run: model clients and sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from evalkit.config.schema import Config
from evalkit.model import open_model
from evalkit.model.protocol import Model
from evalkit.sampling.keys import spec_of
from evalkit.sampling.store import digest
from evalkit.sandbox import open_sandbox
from evalkit.sandbox.protocol import Sandbox
from evalkit.task.optional_parts import preload_of
from evalkit.task.protocol import Spec, Task

if TYPE_CHECKING:  # the SDK is loaded by a thread, later
    from evalkit.model.anthropic.endpoint import Endpoint


class Resources:
    """Opens what is asked for once, and closes everything in the end."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._models: dict[str, Model] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._sandboxes: dict[str, Sandbox] = {}

    async def sandbox(self, config: Config, spec: Spec, *, also: Sequence[str] = ()) -> Sandbox:
        """One sandbox for everything that wants the same. It is starting when this returns, not ready.

        `also`: modules to import once for all children, beside those of the task's tools.
        """
        preload = sorted({*_preloads(spec), *also})
        same = digest([vars(config.sandbox), preload])
        if same not in self._sandboxes:
            opening = open_sandbox(config.sandbox, preload=preload)
            self._sandboxes[same] = await self._stack.enter_async_context(opening)
        return self._sandboxes[same]

    async def model(self, config: Config, task: Task) -> Model:
        """One client for everything that asks the same model the same task.

        The SDK takes over a second to import. A thread does it, so that sandboxes go on starting meanwhile.
        """
        same = digest([vars(config.model), config.task, config.runs.seed])
        if same not in self._models:
            await asyncio.to_thread(import_module, "evalkit.model.anthropic.client")
            specs = partial(spec_of, task, config)
            seed, shared = config.runs.seed, self._endpoints
            model = open_model(config.model, task=task, specs=specs, seed=seed, endpoints=shared)
            self._stack.push_async_callback(model.close)
            self._models[same] = model
        return self._models[same]

    async def close(self) -> None:
        """Close every client and end every child."""
        await self._stack.aclose()


def _preloads(spec: Spec) -> set[str]:
    """Modules that the task's tools hand to programs: imported once, for all children."""
    return {name for tool in spec.tools for name in preload_of(tool)}
