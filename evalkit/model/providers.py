"""Model providers by `model.kind`: evalkit's own, and entry points of the group `evalkit.models`."""

from __future__ import annotations

from evalkit.config.model_settings import check_settings
from evalkit.config.schema import ModelConfig
from evalkit.model.protocol import Model, ModelProvider, Opening
from evalkit.util.errors import UserError
from evalkit.util.providers import Providers

_SDK = "evalkit.model.anthropic.provider:open_anthropic"
_SCRIPTED = "evalkit.model.embedded.provider:open_scripted"
MODELS: Providers[ModelProvider] = Providers(
    "model.kind",
    "evalkit.models",
    {
        "anthropic": _SDK,
        "bedrock": _SDK,
        "vertex": _SDK,
        "simulated": _SCRIPTED,
        "oracle": _SCRIPTED,
        "noop": _SCRIPTED,
        "replay": "evalkit.model.embedded.provider:open_replay",
    },
    Model,
)


def open_model(config: ModelConfig, opening: Opening) -> Model:
    """The model that `config` describes; nothing is sent yet (`Model.check` does that).

    Raises `UserError` for an unknown kind, a provider that cannot be loaded, a key that is missing and a recording
    that cannot be read.
    """
    provider = MODELS.get(config.kind)
    if not config.id:
        raise UserError("model.id is empty: name the model, such as model.id=claude-sonnet-5-5")
    check_settings(config)
    model = provider(config, opening)
    MODELS.complete(config.kind, model)
    return model
