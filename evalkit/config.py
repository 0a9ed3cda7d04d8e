"""Typed schema of everything in conf/: Hydra checks names and types with it; `check` checks ranges.

Only dataclasses and no heavy import: `--cfg job` and shell completion load this file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

from evalkit.errors import UserError

# omegaconf reads these annotations at run time and knows Optional[...] on every supported release.


@dataclass
class RunsConfig:
    count: int = 10
    concurrency: int = 1
    seed: int = 0
    batches: int = 1
    until: str = "count"
    max: int = 200
    max_errors: Optional[int] = 5


@dataclass
class BandConfig:
    low: float = 0.10
    high: float = 0.40
    confidence: float = 0.95


@dataclass
class LimitsConfig:
    max_tokens: Optional[int] = None
    max_tokens_per_turn: Optional[int] = None
    max_steps: Optional[int] = None
    timeout_s: Optional[float] = None
    tool_timeout_s: float = 30.0
    max_cost_usd: Optional[float] = None


@dataclass
class AgentConfig:
    nudges: int = 1
    nudge: str = ""


@dataclass
class ModelConfig:
    """Which model, and how it is asked. Keys are never config: the SDK reads ANTHROPIC_API_KEY by itself."""

    kind: str = "anthropic"
    """`anthropic` (any server that speaks the Messages API), `bedrock`, `vertex`; or, inside this process and without
    a key, `simulated`, `oracle`, `noop`, `replay`."""
    id: str = ""
    """Model id, as the endpoint calls it."""
    base_url: Optional[str] = None
    """Another server than the maker's. One under `http://` is never sent the key."""
    max_retries: int = 4
    """How often a failed attempt is repeated: 429, 5xx, dropped connections, answers that are not whole."""
    timeout_s: float = 600.0
    """Seconds of silence after which an attempt has failed."""
    patience_s: float = 1800.0
    """Seconds for which a server may say that it is loading its model; waiting for it uses up no retries."""
    max_output_tokens: int = 32000
    """The most that the model can write in one response; asking for more is refused by its endpoint."""
    cache_prompt: bool = True
    """Mark the unchanging part of the conversation for the provider's prompt cache. Changes the price only."""
    stream: str = "auto"
    """`auto` streams answers that may take more than ten minutes, `always`, `never`. Changes nothing in the record."""
    params: dict[str, Any] = field(default_factory=dict)
    """Sent with every request as they are: `thinking`, `output_config`, `temperature`, `tool_choice`, …"""
    headers: dict[str, str] = field(default_factory=dict)
    """HTTP headers of every request, such as `anthropic-beta`."""
    replay_from: Optional[str] = None
    """For `replay`: the output directory whose rollouts are played back."""


SANDBOX_LEVELS = ("auto", "namespaces+landlock+seccomp", "landlock+seccomp", "weak")


@dataclass
class SandboxConfig:
    """Where model-written code runs; meaning of every knob in conf/sandbox/auto.yaml."""

    level: str = "auto"
    """One of SANDBOX_LEVELS; `auto` takes the strongest that withstands an attack on this machine."""
    allow_weak: bool = False
    memory_mb: int = 4096
    cpu_s: int = 120
    disk_mb: int = 64
    processes: int = 16
    output_kb: int = 64
    pool: int = 2


@dataclass
class Config:
    """The whole config. `task` stays open here: each plugin brings the schema of its own node."""

    task: dict[str, Any] = field(default_factory=dict)
    model: ModelConfig = field(default_factory=ModelConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    runs: RunsConfig = field(default_factory=RunsConfig)
    band: BandConfig = field(default_factory=BandConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    store: str = "outputs/rollouts"
    reuse: str = "dominating"
    confirm: bool = False
    verbose: bool = False
    quiet: bool = False


def check(config: Config) -> None:
    """Raise `UserError` for the first value out of its range. Types were checked when it was composed."""
    for key, value, fine, want in _rules(config):
        if value is not None and not fine(value):
            raise UserError(f"{key}={value} is out of range: {want}")
    from evalkit.model.settings import check_settings  # it names this module's types

    check_settings(config.model)
    band = config.band
    if band.low >= band.high:
        raise UserError(
            f"band.low={band.low} is not below band.high={band.high}: set for example band.low=0.1 band.high=0.4"
        )


def _between(least: int, most: int) -> tuple[Callable[[int], bool], str]:
    return (lambda n: least <= n <= most), f"use a whole number from {least} to {most}"


def _rules(config: Config) -> list[tuple[str, Any, Any, str]]:
    whole = (lambda n: n >= 1, "use a whole number from 1 up")
    whole_or_null = (lambda n: n >= 1, "use a whole number from 1 up, or null for no limit")
    above = (lambda x: x > 0 and math.isfinite(x), "use a number above 0, or null for no limit")
    share = (lambda x: 0 <= x <= 1, "use a share between 0 and 1, such as 0.25")
    limits, runs, band, box, model = config.limits, config.runs, config.band, config.sandbox, config.model
    return [
        ("limits.max_tokens", limits.max_tokens, *whole_or_null),
        ("limits.max_tokens_per_turn", limits.max_tokens_per_turn, *whole_or_null),
        ("limits.max_steps", limits.max_steps, *whole_or_null),
        ("limits.timeout_s", limits.timeout_s, *above),
        ("limits.tool_timeout_s", limits.tool_timeout_s, lambda x: 0 < x < math.inf, "use seconds above 0"),
        ("limits.max_cost_usd", limits.max_cost_usd, *above),
        ("reuse", config.reuse, lambda s: s in ("never", "exact", "dominating"), "use never, exact or dominating"),
        ("runs.count", runs.count, *whole),
        ("runs.concurrency", runs.concurrency, *whole),
        ("runs.seed", runs.seed, lambda n: n >= 0, "use a whole number from 0 up"),
        ("runs.batches", runs.batches, lambda n: 1 <= n <= runs.count, "use 1 up to runs.count"),
        ("runs.until", runs.until, lambda s: s in ("count", "decided"), "use count or decided"),
        ("runs.max", runs.max, *whole),
        ("runs.max_errors", runs.max_errors, lambda n: n >= 1, "use a whole number from 1 up, or null to go on"),
        ("band.low", band.low, *share),
        ("band.high", band.high, *share),
        ("band.confidence", band.confidence, lambda x: 0 < x < 1, "use a share between 0 and 1, such as 0.95"),
        ("agent.nudges", config.agent.nudges, lambda n: n >= 0, "use a whole number from 0 up"),
        ("model.max_retries", model.max_retries, lambda n: n >= 0, "use a whole number from 0 up"),
        ("model.timeout_s", model.timeout_s, lambda x: 0 < x < math.inf, "use seconds above 0"),
        ("model.patience_s", model.patience_s, lambda x: 0 <= x < math.inf, "use seconds from 0 up"),
        ("model.max_output_tokens", model.max_output_tokens, *whole),
        ("model.stream", model.stream, lambda s: s in ("auto", "always", "never"), "use auto, always or never"),
        ("sandbox.level", box.level, lambda s: s in SANDBOX_LEVELS, f"use {', '.join(SANDBOX_LEVELS)}"),
        ("sandbox.memory_mb", box.memory_mb, *_between(16, 1 << 20)),  # with less, Python itself does not get far
        ("sandbox.cpu_s", box.cpu_s, *_between(1, 1 << 20)),
        ("sandbox.disk_mb", box.disk_mb, *_between(1, 1 << 20)),
        ("sandbox.processes", box.processes, *_between(1, 1 << 15)),
        ("sandbox.output_kb", box.output_kb, *_between(1, 1 << 15)),
        ("sandbox.pool", box.pool, *_between(0, 64)),
    ]
