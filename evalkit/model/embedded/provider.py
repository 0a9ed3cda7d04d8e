"""Opens embedded models, which need no key and no network: `simulated`, `oracle`, `noop` and `replay`."""

from __future__ import annotations

from pathlib import Path

from evalkit.config.schema import ModelConfig
from evalkit.model.anthropic.client import AnthropicModel
from evalkit.model.embedded.scripted_backends import Replay, Scripted
from evalkit.model.embedded.transport import connect_embedded
from evalkit.model.protocol import Model, Opening
from evalkit.util.errors import UserError


def open_scripted(config: ModelConfig, opening: Opening) -> Model:
    """Plays the task's scripted agents, its reference, or nothing."""
    script = Scripted.of(config.kind, config.id, opening.task, opening.specs, opening.seed)
    return AnthropicModel(config, connect_embedded(config, script), script)


def open_replay(config: ModelConfig, opening: Opening) -> Model:
    """Plays back recorded rollouts. Raises `UserError` without `model.replay_from`."""
    if not config.replay_from:
        raise UserError("model=replay needs model.replay_from=<output directory of an earlier launch>")
    recording = Replay(Path(config.replay_from))
    return AnthropicModel(config, connect_embedded(config, recording), recording)
