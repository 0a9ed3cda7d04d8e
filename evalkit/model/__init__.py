"""Models: the official Anthropic client, and what stands behind it. `open_model` is the way in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.config.schema import ModelConfig
from evalkit.util.errors import UserError

if TYPE_CHECKING:  # the front door imports this package for `choice` alone
    from evalkit.model.anthropic.endpoint import Endpoint
    from evalkit.model.protocol import Model
    from evalkit.task.protocol import Spec, Task

EMBEDDED = ("simulated", "oracle", "noop", "replay")
"""Kinds that need no key and no network: an agent inside this process answers."""
KINDS = ("anthropic", "bedrock", "vertex", *EMBEDDED)


def open_model(
    config: ModelConfig,
    *,
    task: Task,
    specs: Callable[[int], Spec],
    seed: int,
    endpoints: dict[str, Endpoint] | None = None,
) -> Model:
    """The model that `config` describes; nothing is sent yet (`Model.check` does that).

    `task`, `specs` (run number → that run's problem) and `seed` (`runs.seed`) are what embedded models play by.
    `endpoints`: those of the launch so far, for clients of one endpoint to share; a new one is put there.
    Raises `UserError` for an unknown kind, a key that is missing and a recording that cannot be read.
    """
    if config.kind not in KINDS:
        raise UserError(f"model.kind={config.kind} is unknown: use one of {', '.join(KINDS)}")
    if not config.id:
        raise UserError("model.id is empty: name the model, such as model.id=claude-sonnet-5-5")
    from evalkit.config.model_settings import check_settings

    check_settings(config)
    from evalkit.model.anthropic.client import AnthropicModel, connect, endpoint_of

    if config.kind not in EMBEDDED:
        client = connect(config)
        own = {} if endpoints is None else endpoints
        endpoint = own.setdefault(str(vars(config)), endpoint_of(client))
        return AnthropicModel(config, client, endpoint=endpoint)
    from evalkit.model.embedded.scripted_backends import Replay, Scripted
    from evalkit.model.embedded.transport import connect_embedded

    if config.kind == "replay":
        if not config.replay_from:
            raise UserError("model=replay needs model.replay_from=<output directory of an earlier launch>")
        recording = Replay(Path(config.replay_from))
        return AnthropicModel(config, connect_embedded(config, recording), recording)
    script = Scripted.of(config.kind, config.id, task, specs, seed)
    return AnthropicModel(config, connect_embedded(config, script), script)
