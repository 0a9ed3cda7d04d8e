"""The default model of a launch."""

from __future__ import annotations

from collections.abc import Mapping

_KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


def default_model(environ: Mapping[str, str]) -> tuple[str, str]:
    """Name of the `conf/model` file, and the sentence that says why."""
    if named := environ.get("EVALKIT_MODEL"):
        return named, f"Model: {named}, as EVALKIT_MODEL says."
    for key in _KEYS:
        if environ.get(key):
            return "claude", f"Model: claude, because {key} is set (model=simulated is free and needs no key)."
    return "simulated", (
        "Model: simulated, because no API key is set: its agents are scripted and measure no language model "
        "(set ANTHROPIC_API_KEY or choose a model with model=…)."
    )
