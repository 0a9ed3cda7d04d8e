"""Models: what the agent loop asks. `open_model` looks up the provider of `model.kind`."""

from evalkit.config.schema import ModelConfig
from evalkit.model.protocol import ContextLimitError, Model, ModelProvider, Opening, Request, Response, Wait
from evalkit.model.providers import MODELS, open_model

__all__ = [
    "MODELS",
    "ContextLimitError",
    "Model",
    "ModelConfig",
    "ModelProvider",
    "Opening",
    "Request",
    "Response",
    "Wait",
    "open_model",
]
