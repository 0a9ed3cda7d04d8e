"""Resources of a launch, open from its first check to its last run: model clients and sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from evalkit.config.schema import Config
from evalkit.model.protocol import Model, Opening
from evalkit.model.providers import MODELS, open_model
from evalkit.sampling.problem_set import problem_set
from evalkit.sampling.store import digest
from evalkit.sandbox.protocol import Sandbox
from evalkit.sandbox.providers import open_sandbox
from evalkit.task.optional_parts import preload_of
from evalkit.task.protocol import Spec, Task
from evalkit.task.tools.shell import check_processes


class Resources:
    """Opens what is asked for once, and closes everything in the end."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._models: dict[str, Model] = {}
        self._shared: dict[Any, Any] = {}
        self._sandboxes: dict[str, Sandbox] = {}

    async def sandbox(self, config: Config, spec: Spec, *, also: Sequence[str] = ()) -> Sandbox:
        """One sandbox for everything that wants the same. It is starting when this returns, not ready.

        `also`: modules to import once for all children, beside those of the task's tools. Raises `UserError` for
        tools that the sandbox cannot hold.
        """
        check_processes(spec.tools, config.sandbox)
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
        same = digest([vars(config.model), config.task, vars(config.problems), config.runs.seed])
        if same not in self._models:
            await asyncio.to_thread(MODELS.get, config.model.kind)
            opening = Opening(task, problem_set(config, task).specs(task), config.runs.seed, self._shared)
            model = open_model(config.model, opening)
            self._stack.push_async_callback(model.close)
            self._models[same] = model
        return self._models[same]

    async def close(self) -> None:
        """Close every client and end every child."""
        await self._stack.aclose()


def _preloads(spec: Spec) -> set[str]:
    """Modules that the task's tools hand to programs: imported once, for all children."""
    return {name for tool in spec.tools for name in preload_of(tool)}
