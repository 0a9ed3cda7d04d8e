"""Accepted parameters: what an endpoint would refuse of a model's settings, found before a token is paid.

What the endpoint says of a model (`GET /v1/models/<id>`: capabilities, `max_tokens`, lifecycle) comes first; what its
maker documents of a model family fills the gaps. Pure functions. Sources, read 2026-11-28: the notes on API version
2026-10-21, the migration guides of the 5.5 models, and the pages on thinking and on tool choice
(platform.claude.com/docs).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evalkit.config.schema import ModelConfig
from evalkit.rollout.record import Json

SAMPLING = ("temperature", "top_p", "top_k")
WITHOUT_SAMPLING = "2026-10-21"
"""The first API version that refuses sampling parameters, whatever their value and the model."""
BEFORE = "2023-06-01"
"""The version before it."""
SUCCESSORS = {"fable": "claude-fable-5-2", "opus": "claude-opus-5-5", "sonnet": "claude-sonnet-5-5"} | {
    "haiku": "claude-haiku-5-5"
}
_ID = re.compile(r"claude-(?P<line>fable|opus|sonnet|haiku)-(?P<major>\d)(?:-(?P<minor>\d))?(?:[-@].*)?$")
_THINKING = ("adaptive", "between_tools", "disabled", "enabled")
_LEAST_BUDGET = 1024


@dataclass(frozen=True)
class Family:
    """What the documentation says of a generation of models."""

    line: str
    major: int
    minor: int

    @property
    def version(self) -> tuple[int, int]:
        """As in the id: (4, 5)."""
        return self.major, self.minor

    @property
    def recent(self) -> bool:
        """Whether sampling parameters and thinking budgets are gone."""
        return self.version >= (4, 7)

    @property
    def always_thinks(self) -> bool:
        """Whether thinking cannot be turned off."""
        return self.version >= {"opus": (5, 5), "fable": (5, 1)}.get(self.line, (99, 0))

    @property
    def unforced(self) -> bool:
        """Whether no tool can be forced, however the model thinks."""
        return self.always_thinks or (self.line == "sonnet" and self.version >= (5, 5))

    def thinks(self, kind: str) -> bool | None:
        """Whether `thinking.type` may be `kind`; None where the documentation does not say."""
        if kind == "enabled":
            return not self.recent
        if kind == "adaptive":
            return self.version >= (4, 6)
        if self.line == "sonnet" and self.version >= (5, 5):
            return kind == "between_tools"
        if self.always_thinks:
            return False
        return True if kind == "disabled" else None if self.recent else False


def family_of(model: str) -> Family | None:
    """The family of a model id, with or without a platform's prefix; None for any other name."""
    found = _ID.search(model)
    return Family(found["line"], int(found["major"]), int(found["minor"] or 0)) if found else None


def refusal(config: ModelConfig, version: str, told: Mapping[str, Json]) -> str:
    """Why requests with these settings would be refused, with the fix, as one sentence; empty if they would not.

    `version`: the API version that is sent. `told`: what the endpoint says of the model, empty if nothing.
    """
    return next(_refusals(config, version, told), "")


def _refusals(config: ModelConfig, version: str, told: Mapping[str, Json]) -> Iterator[str]:
    family = family_of(config.id)
    if told.get("lifecycle") == "retired":
        yield f"model.id={config.id} is retired, and requests for it fail: set model.id={_successor(family)}"
    most = told.get("max_tokens")
    if isinstance(most, int) and 0 < most < config.max_output_tokens:
        yield (
            f"model.max_output_tokens={config.max_output_tokens} is more than the {most:,} tokens that {config.id} can "
            f"write in one response: set model.max_output_tokens={most}"
        )
    yield from _sampling(config, version, family)
    yield from _thinking(config, family, _part(told, "capabilities", "thinking", "types"))
    yield from _effort(config, _part(told, "capabilities", "effort"))
    yield from _tool_choice(config, family)


def _sampling(config: ModelConfig, version: str, family: Family | None) -> Iterator[str]:
    params = config.params
    for name in (name for name in SAMPLING if name in params):
        knob = f"model.params.{name}={params[name]}"
        if version >= WITHOUT_SAMPLING:
            older = f", or set model.api_version={BEFORE}, under which {config.id} accepts it"
            yield (
                f"{knob} is refused under the API version {version}, whatever its value: "
                f"remove it{'' if family and family.recent else older}"
            )
        elif family and family.recent and (name == "top_k" or params[name] != 1):
            yield f"{knob} is refused by {config.id}, which samples in its own way only: remove it"
    if family and not family.recent and {"temperature", "top_p"} <= set(params):
        yield f"{config.id} refuses temperature and top_p together: remove model.params.top_p"
    if _type(params) == "enabled" and params.get("temperature", 1) != 1:
        yield (
            f"model.params.temperature={params['temperature']} is refused while the model thinks: remove it, or "
            "remove model.params.thinking"
        )
    if _type(params) == "enabled" and "top_k" in params:
        yield f"model.params.top_k={params['top_k']} is refused while the model thinks: remove it"


def _thinking(config: ModelConfig, family: Family | None, types: Mapping[str, Json]) -> Iterator[str]:
    thinking = config.params.get("thinking")
    if thinking is None:
        return
    kind = _type(config.params)
    if kind not in _THINKING:
        yield f"model.params.thinking.type={kind} is not a way to think: use one of {', '.join(_THINKING)}"
        return
    accepted = {one: _accepts(one, family, types) for one in _THINKING}
    if accepted[kind] is False:
        others = [one for one in _THINKING if accepted[one]]
        fix = f"use {' or '.join(others)}, or remove it" if others else "remove model.params.thinking"
        yield f"model.params.thinking.type={kind} is refused by {config.id}: {fix}"
    effort = _part(config.params, "output_config").get("effort")
    if kind == "disabled" and family and family.recent and effort in ("xhigh", "max"):
        yield f"model.params.thinking.type=disabled is refused at effort {effort}: set effort high or lower"
    budget = thinking.get("budget_tokens")
    if kind != "enabled" and budget is not None:
        yield (
            f"model.params.thinking.budget_tokens={budget} is refused with thinking.type={kind}: remove it, and steer "
            "by model.params.output_config.effort"
        )
    if kind == "enabled" and (type(budget) is not int or budget < _LEAST_BUDGET):
        yield (
            f"model.params.thinking.budget_tokens={budget} is refused: set a whole number of at least {_LEAST_BUDGET}"
        )
    if kind == "enabled" and type(budget) is int and budget >= config.max_output_tokens:
        yield (
            f"model.params.thinking.budget_tokens={budget} leaves nothing of model.max_output_tokens="
            f"{config.max_output_tokens}: set a smaller budget"
        )


def _accepts(kind: str, family: Family | None, types: Mapping[str, Json]) -> bool | None:
    told = _part(types, kind).get("supported")
    if isinstance(told, bool):
        return told
    return family.thinks(kind) if family else None


def _effort(config: ModelConfig, told: Mapping[str, Json]) -> Iterator[str]:
    effort = _part(config.params, "output_config").get("effort")
    if effort is None or not told:
        return
    levels = [name for name in ("low", "medium", "high", "xhigh", "max") if _part(told, name).get("supported") is True]
    if told.get("supported") is False or effort not in levels:
        fix = f"use {', '.join(levels)}" if levels and told.get("supported") is not False else "remove it"
        yield f"model.params.output_config.effort={effort} is refused by {config.id}: {fix}"


def _tool_choice(config: ModelConfig, family: Family | None) -> Iterator[str]:
    kind = _part(config.params, "tool_choice").get("type")
    if kind not in ("any", "tool"):
        return
    if family and family.unforced:
        yield f"model.params.tool_choice.type={kind} is refused by {config.id}, which cannot be forced: use auto"
    elif _type(config.params) in ("enabled", "adaptive"):
        yield f"model.params.tool_choice.type={kind} is refused while the model thinks: use auto"


def lifecycle_notes(model: str, told: Mapping[str, Json], now: datetime) -> list[str]:
    """What a person should know of the model's end: a sentence with the date and the days that are left."""
    retires = _date(told.get("retires_at"))
    if retires is None and told.get("lifecycle") != "deprecated":
        return []
    successor = _successor(family_of(model))
    if retires is None:
        return [f"{model} is deprecated: its maker will stop serving it. Consider model.id={successor}."]
    left = (retires.date() - now.date()).days
    when = f"in {left} days" if left > 1 else "tomorrow" if left == 1 else "today" if left == 0 else "overdue"
    return [f"{model} is deprecated: it retires on {retires.date()} ({when}). Consider model.id={successor}."]


def _date(value: Json) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")) if value else None
    except ValueError:
        return None


def _successor(family: Family | None) -> str:
    return SUCCESSORS[family.line if family else "sonnet"]


def _type(params: Mapping[str, Any]) -> str:
    thinking = params.get("thinking")
    return str(thinking.get("type", "")) if isinstance(thinking, Mapping) else ""


def _part(told: Mapping[str, Json], *names: str) -> Mapping[str, Json]:
    """An object within objects; empty where one of them is missing, or is something else."""
    for name in names:
        inner = told.get(name)
        told = inner if isinstance(inner, Mapping) else {}
    return told
