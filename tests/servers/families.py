"""What the Messages API tells of its models and refuses of their parameters, written after its documented rules.

One table a model, independent of evalkit's own: `facts` is what `GET /v1/models/<id>` tells, `refused` what a POST is
answered with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEVELS = ("low", "medium", "high", "xhigh", "max")
NEW, OLD = "2026-10-21", "2023-06-01"
MODELS: dict[str, dict[str, Any]] = {
    "claude-fable-5-2": {"thinking": ("adaptive",), "effort": LEVELS, "forced": False, "sampling": False},
    "claude-opus-5-5": {"thinking": ("adaptive",), "effort": LEVELS, "forced": False, "sampling": False},
    "claude-sonnet-5-5": {
        "thinking": ("adaptive", "between_tools"), "effort": LEVELS, "forced": False, "sampling": False,
    },
    "claude-haiku-5-5": {"thinking": ("adaptive", "disabled"), "effort": LEVELS, "forced": True, "sampling": False},
    "claude-opus-4-6": {
        "thinking": ("adaptive", "disabled", "enabled"), "effort": ("low", "medium", "high", "max"),
        "forced": True, "sampling": True,
    },
    "claude-sonnet-4-5-20250929": {
        "thinking": ("disabled", "enabled"), "effort": (), "forced": True, "sampling": True, "max_tokens": 64_000,
        "lifecycle": "deprecated", "retires_at": "2026-11-30T00:00:00Z",
    },
}  # fmt: skip


def facts(model: str) -> dict[str, Any]:
    """What the model list says of it."""
    known = MODELS[model]
    effort = {level: {"supported": level in known["effort"]} for level in LEVELS}
    kinds = ("adaptive", "between_tools", "disabled", "enabled")
    return {
        "type": "model",
        "id": model,
        "display_name": model,
        "max_tokens": known.get("max_tokens", 128_000),
        "max_input_tokens": 1_000_000,
        "lifecycle": known.get("lifecycle", "active"),
        "retires_at": known.get("retires_at"),
        "capabilities": {
            "effort": {"supported": bool(known["effort"]), **effort},
            "thinking": {
                "supported": True,
                "types": {kind: {"supported": kind in known["thinking"]} for kind in kinds},
            },
        },
    }


def refused(body: Mapping[str, Any], version: str) -> str:
    """Why the API refuses the parameters of this request; nothing if it takes them."""
    known = MODELS[body["model"]]
    sampling = [name for name in ("temperature", "top_p", "top_k") if name in body]
    if sampling and version >= NEW:
        return f"{sampling[0]}: Extra inputs are not permitted"
    if not known["sampling"] and any(name == "top_k" or body[name] != 1 for name in sampling):
        return f"`{sampling[0]}` is not supported for this model"
    if {"temperature", "top_p"} <= set(sampling):
        return "`temperature` and `top_p` cannot both be specified for this model"
    return _thinking(body, known) or _effort(body, known) or _limit(body, known)


def _thinking(body: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    thinking = body.get("thinking") or {}
    kind, budget = thinking.get("type"), thinking.get("budget_tokens")
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    if forced and (not known["forced"] or kind in ("enabled", "adaptive")):
        return "tool_choice: forced tool use is not supported"
    if not thinking:
        return ""
    if kind not in known["thinking"]:
        return f'"thinking.type.{kind}" is not supported for this model'
    if kind == "enabled" and (type(budget) is not int or budget < 1024):
        return "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
    if kind != "enabled" and budget is not None:
        return f"thinking.{kind}.budget_tokens: Extra inputs are not permitted"
    if kind == "enabled" and (body.get("temperature", 1) != 1 or "top_k" in body):
        return "`temperature` may only be set to 1 when thinking is enabled"
    return ""


def _effort(body: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    effort = (body.get("output_config") or {}).get("effort")
    if effort is None or effort in known["effort"]:
        return ""
    return f"output_config.effort: {effort} is not supported for this model"


def _limit(body: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    most = known.get("max_tokens", 128_000)
    return f"max_tokens: {body['max_tokens']} > {most}" if body["max_tokens"] > most else ""
