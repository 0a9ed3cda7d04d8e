"""The knobs of `conf/task/paged_attention.yaml`: names, types and ranges. Meanings and values are in the YAML."""

import math
from dataclasses import dataclass
from typing import Any, Optional

from evalkit.util.errors import UserError

DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass
class Hidden:
    """The hidden inputs on which a submission is measured."""

    seed: int
    count: int
    batch_sizes: list[int]
    context_lengths: list[int]
    growth: int


@dataclass
class Tolerances:
    """Largest allowed errors, strictly less. Only the verdict reads them."""

    output: float


@dataclass
class Config:
    """Every knob of the task."""

    name: str
    block_size: int
    num_heads: int
    head_dim: int
    dtype: str
    num_kv_heads: Optional[int]
    sliding_window: Optional[int]
    logit_softcap: Optional[float]
    vectorized: bool
    stated_accuracy: float
    time_limit_s: float
    max_source_chars: int
    hidden: Hidden
    tolerances: Tolerances

    @property
    def kv_heads(self) -> int:
        """Heads of the caches."""
        return self.num_kv_heads or self.num_heads


def check(config: Config) -> None:
    """Raise `UserError` for the first knob out of range."""
    for key, value, fine, want in _rules(config):
        if not fine:
            raise UserError(f"task.{key}={value} is out of range: {want}")


def _rules(config: Config) -> list[tuple[str, Any, bool, str]]:
    hidden, heads, kv = config.hidden, config.num_heads, config.num_kv_heads
    window, cap = config.sliding_window, config.logit_softcap
    whole = "use a whole number from 1 up"
    return [
        ("block_size", config.block_size, 1 <= config.block_size <= 1024, "use 1 up to 1024"),
        ("num_heads", heads, heads >= 1, whole),
        ("head_dim", config.head_dim, config.head_dim >= 2, "use a whole number from 2 up"),
        ("dtype", config.dtype, config.dtype in DTYPES, f"use one of {', '.join(DTYPES)}"),
        (
            "num_kv_heads",
            kv,
            kv is None or (kv >= 1 and heads % kv == 0 and heads // kv <= config.head_dim),
            f"use null or a divisor of task.num_heads={heads} that leaves at most task.head_dim heads a group",
        ),
        ("sliding_window", window, window is None or window >= 1, "use null or a whole number from 1 up"),
        ("logit_softcap", cap, cap is None or (cap > 0 and math.isfinite(cap)), "use null or a number above 0"),
        ("stated_accuracy", config.stated_accuracy, _positive(config.stated_accuracy), "use a number above 0"),
        ("time_limit_s", config.time_limit_s, _positive(config.time_limit_s), "use seconds above 0"),
        (
            "max_source_chars",
            config.max_source_chars,
            100 <= config.max_source_chars <= 100_000,
            "use 100 up to 100000",
        ),
        ("hidden.seed", hidden.seed, hidden.seed >= 0, "use a whole number from 0 up"),
        ("hidden.count", hidden.count, hidden.count >= 1, whole),
        (
            "hidden.batch_sizes",
            list(hidden.batch_sizes),
            bool(hidden.batch_sizes) and min(hidden.batch_sizes) >= 1,
            "list whole numbers from 1 up, such as [3,4]",
        ),
        (
            "hidden.context_lengths",
            list(hidden.context_lengths),
            len(hidden.context_lengths) == 2 and 1 <= hidden.context_lengths[0] <= hidden.context_lengths[1],
            "give the shortest and the longest, such as [5,60]",
        ),
        ("hidden.growth", hidden.growth, hidden.growth >= 8, "use a whole number from 8 up"),
        (
            "tolerances.output",
            config.tolerances.output,
            _positive(config.tolerances.output),
            "use a number above 0, such as 0.02",
        ),
    ]


def _positive(value: float) -> bool:
    return value > 0 and math.isfinite(value)
