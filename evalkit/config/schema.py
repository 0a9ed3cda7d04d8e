"""Typed schema of everything in conf/: Hydra checks names and types with it; `check` checks ranges.

Only dataclasses and no heavy import: `--cfg job` and shell completion load this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from evalkit.util.errors import UserError

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
    grading_timeout_s: Optional[float] = 600.0


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
class ReportConfig:
    format: str = "full"


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
    report: ReportConfig = field(default_factory=ReportConfig)
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
    from evalkit.config.model_settings import check_settings  # it names this module's types

    check_settings(config.model)
    band = config.band
    if band.low >= band.high:
        raise UserError(
            f"band.low={band.low} is not below band.high={band.high}: set for example band.low=0.1 band.high=0.4"
        )


def _rules(config: Config) -> list[tuple[str, Any, Any, str]]:
    limits, runs, band, box, model = config.limits, config.runs, config.band, config.sandbox, config.model
    return [
        ("limits.max_tokens", limits.max_tokens, *_whole(1, 10**12, ", or null for no limit")),
        ("limits.max_tokens_per_turn", limits.max_tokens_per_turn, *_whole(1, 10**12, ", or null for no limit")),
        ("limits.max_steps", limits.max_steps, *_whole(1, 10**9, ", or null for no limit")),
        ("limits.timeout_s", limits.timeout_s, *_above(YEARS_S, ", or null for no limit")),
        ("limits.tool_timeout_s", limits.tool_timeout_s, *_above(YEARS_S)),
        ("limits.max_cost_usd", limits.max_cost_usd, *_above(1e12, ", or null for no limit")),
        ("reuse", config.reuse, *_one_of("never", "exact", "dominating")),
        ("store", config.store, str.strip, "name a folder, such as store=outputs/rollouts"),
        ("runs.count", runs.count, *_whole(1, 10**7)),
        ("runs.concurrency", runs.concurrency, *_whole(1, 10**5)),
        ("runs.seed", runs.seed, *_whole(0, 2**63 - 1)),
        ("runs.batches", runs.batches, lambda n: 1 <= n <= runs.count, "use 1 up to runs.count"),
        ("runs.until", runs.until, *_one_of("count", "decided")),
        ("runs.max", runs.max, *_whole(1, 10**7)),
        ("runs.max_errors", runs.max_errors, *_whole(1, 10**7, ", or null to go on")),
        ("runs.grading_timeout_s", runs.grading_timeout_s, *_above(YEARS_S, ", or null for no limit")),
        ("band.low", band.low, lambda x: 0 <= x <= 1, "use a share between 0 and 1, such as 0.25"),
        ("band.high", band.high, lambda x: 0 <= x <= 1, "use a share between 0 and 1, such as 0.25"),
        ("band.confidence", band.confidence, *_CONFIDENCE),
        ("report.format", config.report.format, *_one_of("full", "published")),
        ("agent.nudges", config.agent.nudges, *_whole(0, 10**6)),
        ("model.max_retries", model.max_retries, *_whole(0, 10**6)),
        ("model.timeout_s", model.timeout_s, *_above(YEARS_S)),
        ("model.patience_s", model.patience_s, lambda x: 0 <= x <= YEARS_S, f"use seconds from 0 up to {YEARS_S:,.0f}"),
        ("model.max_output_tokens", model.max_output_tokens, *_whole(1, 10**9)),
        ("model.stream", model.stream, *_one_of("auto", "always", "never")),
        ("sandbox.level", box.level, *_one_of(*SANDBOX_LEVELS)),
        ("sandbox.memory_mb", box.memory_mb, *_whole(16, 1 << 20)),  # with less, Python itself does not get far
        ("sandbox.cpu_s", box.cpu_s, *_whole(1, 1 << 20)),
        ("sandbox.disk_mb", box.disk_mb, *_whole(1, 1 << 20)),
        ("sandbox.processes", box.processes, *_whole(1, 1 << 15)),
        ("sandbox.output_kb", box.output_kb, *_whole(1, 1 << 15)),
        ("sandbox.pool", box.pool, *_whole(0, 64)),
    ]


YEARS_S = 1e9
"""Thirty years: timers of the operating system overflow somewhere beyond."""
_CONFIDENCE = (lambda x: 0.01 <= x <= 0.999999, "use a share between 0.01 and 0.999999, such as 0.95")
"""Nearer to 1 the quantiles of every distribution lose their digits, and then they are infinite."""


def _whole(low: int, high: int, more: str = "") -> tuple[Any, str]:
    """A whole number, both ends included, and what to say of another."""
    return (lambda n: low <= n <= high), f"use a whole number from {low:,} up to {high:,}{more}"


def _above(most: float, more: str = "") -> tuple[Any, str]:
    return (lambda x: 0 < x <= most), f"use a number above 0, up to {most:,.0f}{more}"


def _one_of(*names: str) -> tuple[Any, str]:
    return (lambda name: name in names), f"use {', '.join(names[:-1])} or {names[-1]}"
