"""Opens models behind the official SDK: `model.kind` is `anthropic`, `bedrock` or `vertex`."""

from __future__ import annotations

from evalkit.config.schema import ModelConfig
from evalkit.model.anthropic.client import AnthropicModel
from evalkit.model.anthropic.connection import connect, endpoint_of
from evalkit.model.protocol import Model, Opening


def open_anthropic(config: ModelConfig, opening: Opening) -> Model:
    """A client of the maker, a platform, or another server that speaks the Messages API."""
    client = connect(config)
    endpoint = opening.shared.setdefault(str(vars(config)), endpoint_of(client))
    return AnthropicModel(config, client, endpoint=endpoint)
