"""The mistakes that people and models make in this task, each as a change of the right recipe, with its category.

The grader names a failure by comparing the submitted values with these; seeded data are drawn until all can be told
from the right answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .reference import Array, Recipe, softmax
from .spec import Spec


class Mistake(NamedTuple):
    """A name, the failure category that it belongs to, and the recipe that makes it."""

    name: str
    category: str
    recipe: Recipe


def _zeros_in_place_of_minus_infinity(scores: Array, removed: Array) -> Array:
    return softmax(np.where(removed, 0.0, scores))


def _mask_after_softmax(scores: Array, removed: Array) -> Array:
    return np.where(removed, 0.0, softmax(scores))


def _softmax_over_queries(scores: Array, removed: Array) -> Array:
    return softmax(np.where(removed, -np.inf, scores).T).T


def _not_normalised(scores: Array, removed: Array) -> Array:
    return np.where(removed, 0.0, np.exp(scores))


def _uniform(scores: Array, removed: Array) -> Array:
    return softmax(np.where(removed, -np.inf, 0.0))


def _hardmax(scores: Array, removed: Array) -> Array:
    kept = np.where(removed, -np.inf, scores)
    return (kept == kept.max(axis=-1, keepdims=True)).astype(float)


def _last_row_open(scores: Array, removed: Array) -> Array:
    """A mask that removes the diagonal too empties one row; those who make it fill the row with zeros."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(softmax(np.where(removed, -np.inf, scores)))


def known_mistakes(spec: Spec) -> list[Mistake]:
    """Single mistakes, then the pairs that go together. Some may be equivalent to the right recipe in this spec."""
    right = spec.recipe
    singles = {name: (category, change) for name, category, change in _singles(spec)}
    mistakes = [Mistake(name, category, replace(right, **change)) for name, (category, change) in singles.items()]
    for mask in ("no_mask", "mask_on_the_other_side"):
        for other in ("values_from_the_other_matrix", "no_scale", "encoding_not_added"):
            if other in singles:
                category, change = singles[mask]
                mistakes.append(Mistake(f"{mask}+{other}", category, replace(right, **{**change, **singles[other][1]})))
    return mistakes


def _singles(spec: Spec) -> Iterator[tuple[str, str, dict[str, Any]]]:
    other_side = {"past": "future", "future": "past"}[spec.mask]
    other_values = {"queries": "values", "values": "queries"}[spec.values_from]
    yield "no_mask", "missing_mask", {"removed": "nothing"}
    yield "zeros_in_place_of_minus_infinity", "missing_mask", {"attend": _zeros_in_place_of_minus_infinity}
    yield "mask_on_the_other_side", "wrong_mask_direction", {"removed": other_side}
    yield "mask_removes_the_diagonal", "logic", {"removed": f"{spec.mask}_and_self", "attend": _last_row_open}
    yield "mask_after_softmax", "logic", {"attend": _mask_after_softmax}
    yield "softmax_over_queries", "logic", {"attend": _softmax_over_queries}
    yield "softmax_not_normalised", "numerical", {"attend": _not_normalised}
    yield "uniform_weights", "logic", {"attend": _uniform}
    yield "hardmax", "logic", {"attend": _hardmax}
    yield "no_scale", "numerical", {"scale": lambda qk, width: 1.0}
    yield "scale_by_width", "numerical", {"scale": lambda qk, width: 1 / qk}
    yield "scale_by_model_width", "numerical", {"scale": lambda qk, width: width**-0.5}
    yield "scale_multiplied", "numerical", {"scale": lambda qk, width: qk**0.5}
    yield "scores_transposed", "logic", {"transposed": True}
    yield "heads_not_split", "logic", {"columns": "all"}
    yield "same_columns_for_every_head", "logic", {"columns": "first"}
    yield "heads_exchanged", "logic", {"exchanged": True}
    yield "values_from_the_other_matrix", "logic", {"values_from": other_values}
    yield "values_from_keys", "logic", {"values_from": "keys"}
    if spec.position_encoding != "none":
        yield "values_without_encoding", "logic", {"value_encoding": 0.0}
        yield "encoding_not_added", "logic", {"encoding": (0.0, 0.0, 0.0)}
        yield "encoding_not_reported", "logic", {"reported_encoding": 0.0}
        yield "encoding_only_on_queries", "logic", {"encoding": (1.0, 0.0, 0.0)}
        yield "encoding_added_twice", "logic", {"encoding": (2.0, 2.0, 2.0)}
        yield "encoding_subtracted", "logic", {"encoding": (-1.0, -1.0, -1.0)}
    if spec.residual:
        yield "residual_forgotten", "logic", {"residual": "none"}
        yield "residual_of_raw_queries", "logic", {"residual": "raw"}
    if spec.layer_norm:
        yield "layer_norm_over_positions", "logic", {"norm_axis": 0}
        yield "layer_norm_with_sample_variance", "numerical", {"norm_ddof": 1}
    if spec.layer_norm and spec.residual:
        yield "layer_norm_before_residual", "logic", {"norm_before_residual": True}
