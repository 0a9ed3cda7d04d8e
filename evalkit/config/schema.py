"""Typed schema of everything in conf/: Hydra checks names and types with it; `check` checks ranges.

Only dataclasses and no heavy import: `--cfg job` and shell completion load this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

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
class ProblemsConfig:
    """Which problems of a task are asked; meaning of every knob in conf/config.yaml."""

    file: Optional[str] = None
    count: Optional[int] = None
    ids: Any = None
    sample: Optional[int] = None


@dataclass
class BandConfig:
    low: float = 0.10
    high: float = 0.40
    confidence: float = 0.95
    about: str = "these"
    group: int = 8


@dataclass
class SelectConfig:
    """Which problems of a set are chosen with `runs.until=selected`; meaning of every knob in conf/config.yaml."""

    rule: str = "expected"
    level: float = 0.1
    count: Optional[int] = None
    step: int = 4


@dataclass
class SweepConfig:
    aim: str = "rate"


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
    a key, `simulated`, `oracle`, `noop`, `replay`; or one that an installed package provides."""
    id: str = ""
    """Model id, as the endpoint calls it."""
    base_url: Optional[str] = None
    """Another server than the maker's. One under `http://` is never sent the key."""
    api_version: Optional[str] = None
    """The API version that requests name (`anthropic-version`), such as 2023-06-01; null: the one of the SDK."""
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

    provider: str = "local"
    """`local`: processes on this machine; or one that an installed package provides."""
    options: dict[str, Any] = field(default_factory=dict)
    """What another provider than `local` is told, such as an image."""
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
    problems: ProblemsConfig = field(default_factory=ProblemsConfig)
    runs: RunsConfig = field(default_factory=RunsConfig)
    band: BandConfig = field(default_factory=BandConfig)
    select: SelectConfig = field(default_factory=SelectConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    store: str = "outputs/rollouts"
    durability: str = "full"
    reuse: str = "dominating"
    confirm: bool = False
    verbose: bool = False
    quiet: bool = False
