"""The knobs of `positional_attention` and their ranges. Meanings and values: conf/task/positional_attention.yaml."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from evalkit.util.errors import UserError


@dataclass
class Head:
    """Columns of one head: of its queries and keys, and of its values."""

    qk: int
    v: int


@dataclass
class Tolerances:
    """Largest allowed errors of any entry, strictly less."""

    position_encoding: float
    attention_weights: float
    output: float
    masked_weight: float


@dataclass
class Config:
    """What can be turned."""

    name: str
    data: str
    sequence_length: int
    heads: list[Head]
    values_from: str
    mask: str
    position_encoding: str
    residual: bool
    layer_norm: bool
    stated_accuracy: float
    success: str
    tolerances: Tolerances
    require_mask_evidence: bool
    require_all_head_outputs: bool


JUDGED_BY = ("tolerances", "success", "require_mask_evidence", "require_all_head_outputs")
"""Knobs that neither the prompt nor the measurement depends on."""

CHOICES = {
    "data": ("published", "seeded"),
    "values_from": ("queries", "values"),
    "mask": ("past", "future"),
    "position_encoding": ("given", "sinusoidal", "none"),
    "success": ("any", "full"),
}
LONGEST, WIDEST, MOST_HEADS = 64, 64, 16
MOST_NUMBERS = 2400
"""Of an answer: printed in full, so many fit into what python_expression gives back (sandbox.output_kb)."""
PUBLISHED_LENGTH, PUBLISHED_WIDTH = 4, 3


def check(config: Config) -> None:
    """Raise `UserError` for the first knob out of its range."""
    for knob, choices in CHOICES.items():
        value = getattr(config, knob)
        if value not in choices:
            raise UserError(f"task.{knob}={value} is unknown: use {' or '.join(choices)}")
    for field in fields(config.tolerances):
        tolerance = getattr(config.tolerances, field.name)
        if not 0 < tolerance < math.inf:
            raise UserError(
                f"task.tolerances.{field.name}={tolerance} is out of range: use a number above 0, such as 0.1"
            )
    if not 1e-12 <= config.stated_accuracy <= 0.1:
        raise UserError(
            f"task.stated_accuracy={config.stated_accuracy} is out of range: use a number up to 0.1, such as 0.001"
        )
    if not 2 <= config.sequence_length <= LONGEST:
        raise UserError(f"task.sequence_length={config.sequence_length} is out of range: use 2 to {LONGEST}")
    _check_heads(config)


def _check_heads(config: Config) -> None:
    heads = config.heads
    if not 1 <= len(heads) <= MOST_HEADS or any(not 1 <= n <= WIDEST for head in heads for n in (head.qk, head.v)):
        raise UserError(
            f"task.heads must list 1 to {MOST_HEADS} heads with widths of 1 to {WIDEST}, such as "
            "task.heads=[{qk:1,v:2},{qk:2,v:1}]"
        )
    width, value_width = sum(head.qk for head in heads), sum(head.v for head in heads)
    if width != value_width:
        raise UserError(
            f"task.heads takes {width} columns of queries and keys and {value_width} of values, but all come from "
            "matrices of one width: make the sum of qk equal to the sum of v"
        )
    if config.layer_norm and width < 2:
        raise UserError("task.layer_norm=true needs 2 columns or more: widen task.heads or set task.layer_norm=false")
    numbers = config.sequence_length * (len(heads) * config.sequence_length + width * (3 + config.layer_norm))
    if numbers > MOST_NUMBERS:
        raise UserError(
            f"the answer would hold {numbers:,} numbers and may hold {MOST_NUMBERS:,}: lower task.sequence_length or "
            "shorten task.heads"
        )
    published = config.sequence_length == PUBLISHED_LENGTH and width == PUBLISHED_WIDTH
    if config.data == "published" and not published:
        raise UserError(
            f"the published numbers are {PUBLISHED_LENGTH}x{PUBLISHED_WIDTH}, not "
            f"{config.sequence_length}x{width} (task.sequence_length x the summed widths of task.heads): "
            "add task.data=seeded"
        )
