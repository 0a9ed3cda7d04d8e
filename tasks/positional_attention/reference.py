"""The attention itself, in numpy: one recipe computes the right answer, a changed recipe a known wrong one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .spec import Spec

Array = np.ndarray
EPSILON = 1e-5
"""Added to the variance in the layer norm; the prompt states it."""


def softmax(scores: Array) -> Array:
    """Over the last axis. Scores of -inf get weight 0; a row of nothing else gets NaN."""
    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return weights / weights.sum(axis=-1, keepdims=True)


def masked_softmax(scores: Array, removed: Array) -> Array:
    """Softmax over the positions that are not removed."""
    return softmax(np.where(removed, -np.inf, scores))


@dataclass(frozen=True)
class Recipe:
    """Every choice in the computation. The defaults and what the task's knobs say are right; see mistakes.py."""

    values_from: str
    removed: str
    """`past` (i > j), `future` (j > i), `past_and_self`, `future_and_self` or `nothing`."""
    residual: str
    """`none`, `encoded` (adds Q_pos) or `raw` (adds Q)."""
    encoding: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """How often pos_emb is added to Q, K and V."""
    reported_encoding: float = 1.0
    """The same for the reported `position_encoded_queries`."""
    value_encoding: float = 1.0
    """The same for whatever the values are taken from."""
    scale: Callable[[int, int], float] = lambda qk, width: qk**-0.5
    """Factor on the scores, from the head's and the model's width."""
    attend: Callable[[Array, Array], Array] = masked_softmax
    """Scores and removed positions → weights."""
    transposed: bool = False
    """Scores of keys against queries."""
    columns: str = "own"
    """Whose columns a head's scores are made of: `own`, `all`, or `first` (every head starts at column 0)."""
    exchanged: bool = False
    """Weights reported, and used, for the wrong head."""
    norm_axis: int = 1
    norm_ddof: int = 0
    norm_before_residual: bool = False


def removed_positions(name: str, length: int) -> Array:
    """`[length, length]` booleans: where row i must not look at column j."""
    i, j = np.indices((length, length))
    rules = {"past": i > j, "future": j > i, "past_and_self": i >= j, "future_and_self": j >= i, "nothing": i > length}
    return rules[name]


def columns(widths: list[int]) -> list[slice]:
    """Consecutive column ranges of these widths."""
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for width, end in zip(widths, ends, strict=True)]


def compute(spec: Spec, recipe: Recipe) -> dict[str, Array]:
    """Every matrix of the answer, by its key, in the order of the answer."""
    q, k, v, table = (np.array(matrix, float) for matrix in (spec.Q, spec.K, spec.V, spec.encoding))
    add_q, add_k, add_v = recipe.encoding
    sources = {"queries": (q, add_q), "keys": (k, add_k), "values": (v, add_v)}
    source, added = sources[recipe.values_from]
    values = source + added * recipe.value_encoding * table
    encoded = q + add_q * table
    weights = _weights(spec, recipe, encoded, k + add_k * table)
    outputs = [w @ values[:, part] for w, part in zip(weights, columns([v for _, v in spec.heads]), strict=True)]
    answer = {} if spec.position_encoding == "none" else {"position_encoded_queries": encoded * 1.0}
    if answer and recipe.reported_encoding != 1.0:
        answer["position_encoded_queries"] = q + add_q * recipe.reported_encoding * table
    answer |= {f"head{h}_attention_weights": w for h, w in enumerate(weights, 1)}
    answer |= {f"head{h}_output": output for h, output in enumerate(outputs, 1)}
    joined = np.concatenate(outputs, axis=1)
    skipped = {"none": 0.0, "encoded": encoded, "raw": q}[recipe.residual]
    answer["final_output"] = joined + skipped
    if spec.layer_norm:
        before = joined if recipe.norm_before_residual else joined + skipped
        normed = _layer_norm(before, recipe)
        answer["layer_normalized_output"] = normed + skipped if recipe.norm_before_residual else normed
    return answer


def _weights(spec: Spec, recipe: Recipe, q: Array, k: Array) -> list[Array]:
    removed = removed_positions(recipe.removed, len(q))
    weights = []
    for (qk, _), part in zip(spec.heads, columns([qk for qk, _ in spec.heads]), strict=True):
        span, width = {"own": (part, qk), "all": (slice(None), spec.width), "first": (slice(qk), qk)}[recipe.columns]
        scores = q[:, span] @ k[:, span].T * recipe.scale(width, spec.width)
        weights.append(recipe.attend(scores.T if recipe.transposed else scores, removed))
    return weights[::-1] if recipe.exchanged else weights


def _layer_norm(x: Array, recipe: Recipe) -> Array:
    axis = recipe.norm_axis
    variance = x.var(axis=axis, ddof=recipe.norm_ddof, keepdims=True)
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(variance + EPSILON)
