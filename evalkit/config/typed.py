"""A composed config as typed, checked dataclasses."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evalkit.config.hydra_setup.explain import Defaults, explain, no_defaults
from evalkit.config.overrides import escaped
from evalkit.config.schema import Config
from evalkit.util.errors import UserError


def to_config(node: DictConfig, defaults: Defaults = no_defaults) -> Config:
    """A composed config as dataclasses; `UserError` for a foreign key and a value that cannot be resolved.

    `defaults`: see `explain`.
    """
    own = OmegaConf.masked_copy(node, [str(key) for key in node if key != "hydra"])
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Config), _literal(OmegaConf.to_container(own, resolve=True)))
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        given = HydraConfig.get().overrides.task if HydraConfig.initialized() else ()
        raise UserError(explain(error, given, defaults)) from error
    assert isinstance(config, Config)
    for name, value in vars(Config()).items():  # an escaped interpolation gets past OmegaConf's check of types
        if is_dataclass(value) and not is_dataclass(given := getattr(config, name)):
            raise UserError(f"{name}={given} does not fit: {name} is a group of keys, so write {name}.<key>=<value>")
    return config


def _literal(node: Any) -> Any:
    """A resolved config in which nothing is resolved again."""
    if isinstance(node, dict):
        return {key: _literal(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_literal(value) for value in node]
    return escaped(node) if isinstance(node, str) and "${" in node else node
