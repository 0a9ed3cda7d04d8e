"""Endpoint shared by all clients of a launch: its address, what it serves, and its gate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.model.anthropic.backoff import RetryGate
from evalkit.rollout.record import Json
from evalkit.util.addresses import MAKER, Address

_TELLING = ("id", "root", "parent", "max_model_len", "context_length", "digest", "quantization", "revision")
_META = ("n_params", "size", "n_vocab", "n_embd", "n_ctx", "n_ctx_train", "vocab_type", "ftype")
"""What vLLM, llama.cpp and gateways say of a model that stays the same as long as the model does."""


@dataclass
class Endpoint:
    """Shared by all clients with the same model settings, so that each is asked once and waited for once."""

    address: Address
    gate: RetryGate = field(init=False)
    serves: Mapping[str, Json] | None = None
    """What its model list says about the model; None if it says nothing."""
    notes: tuple[str, ...] = ()
    """What a person should know about it."""
    checked: bool = False
    answered: bool = False
    """Whether it ever answered with a message."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.gate = RetryGate(str(self.address))

    @property
    def is_the_makers(self) -> bool:
        """Whether ids mean what their maker says."""
        return str(self.address) == MAKER


def entries(body: Json) -> list[dict[str, Json]]:
    """The models of a list, whatever else is in it: dialects have `data`, `models` or both."""
    listed = body.get("data") or body.get("models") if isinstance(body, Mapping) else None
    found = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return [item for item in found if isinstance(item.get("id") or item.get("name"), str)]


def name_of(entry: Mapping[str, Json]) -> str:
    """The id of a listed model."""
    return str(entry.get("id") or entry.get("name"))


def about(model: str, listed: Sequence[Mapping[str, Json]]) -> dict[str, Json] | None:
    """What the list says about `model`: its own entry, or the only one, which then answers to any id.

    Without what changes from day to day (when it was loaded, permissions), which would make it another model.
    """
    own = [entry for entry in listed if name_of(entry) == model] or (listed if len(listed) == 1 else [])
    if not own:
        return None
    entry = own[0]
    told: dict[str, Any] = {name: entry[name] for name in _TELLING if isinstance(entry.get(name), str | int | float)}
    meta = entry.get("meta")
    if isinstance(meta, Mapping):
        told |= {name: meta[name] for name in _META if isinstance(meta.get(name), str | int | float)}
    return {"id": name_of(entry), **told}
