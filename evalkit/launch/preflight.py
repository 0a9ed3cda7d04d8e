"""Preflight checks of a launch, made before anything is written or any model is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from evalkit.config.schema import Config
from evalkit.model.protocol import Model
from evalkit.sampling.problem_set import first_spec
from evalkit.sampling.resources import Resources
from evalkit.task.registry import load_task
from evalkit.util import signals
from evalkit.util.errors import UserError


class Prepared:
    """A launch that was checked, with clients that are open and sandboxes that are starting on its event loop."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.resources = Resources()

    def close(self) -> None:
        """Close everything, used or not."""
        self.runner.run(self.resources.close())
        self.runner.close()


def preflight(configs: Sequence[Config], say: Callable[[str], None] | None = None) -> Prepared:
    """Raise `UserError` for what is wrong with a task, a model or its endpoint, before anything is written.

    What was opened for that is worth keeping: give it to `run_cells`, or close it. `say` is told what is waited for.
    """
    prepared = Prepared()
    try:
        signals.run(_preflight(prepared.resources, configs, say), prepared.runner)
    except BaseException:
        prepared.close()
        raise
    return prepared


async def _preflight(resources: Resources, configs: Sequence[Config], say: Callable[[str], None] | None) -> None:
    tasks = [load_task(config.task) for config in configs]
    for config, task in zip(configs, tasks, strict=True):
        await resources.sandbox(config, first_spec(config, task))
    for config, task in zip(configs, tasks, strict=True):
        model = await resources.model(config, task)
        stop = model.watch(lambda wait: say(str(wait)) if say else None)
        try:
            await model.check()
        finally:
            stop()
        _check_price(config, model)
    for config, task in zip(configs, tasks, strict=True):
        await (await resources.sandbox(config, first_spec(config, task))).ready()


def _check_price(config: Config, model: Model) -> None:
    """A cost limit where no price is known would never bind."""
    limit = config.limits.max_cost_usd
    if limit and not model.simulated and model.cost_usd([{}]) is None:
        raise UserError(
            f"limits.max_cost_usd={limit:g} cannot be enforced: the price of {model.id} at {model.where} is unknown. "
            "Set limits.max_cost_usd=null, and bound the cost with limits.max_tokens or runs.count"
        )
