"""Which mistake was made: submitted values compared with what every known mistake would have given.

The nearest hypothesis wins (root mean square, every matrix counting alike); the right answer is one of them, for
submissions that were computed right but roughly. If none matches, the weights themselves decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .mistakes import known_mistakes
from .reference import Array, compute, removed_positions
from .spec import Spec

RIGHT = "reference"
MASK_CATEGORIES = ("missing_mask", "wrong_mask_direction")
CLOSE = 0.1
"""Values that are off by more than this somewhere do not match a hypothesis: they are no rounding of it."""
EQUIVALENT = 1e-9
"""A mistake that changes no entry by more is none under these knobs."""
LEAK = 0.01
"""Weight on a masked position that is more than rounding."""


@dataclass(frozen=True)
class Hypotheses:
    """The right answer (first) and the mistakes that differ from it, as rows of one matrix."""

    names: tuple[str, ...]
    categories: tuple[str, ...]
    vectors: Array
    shares: Array
    """Of each entry in a mean square in which every matrix counts alike."""


@lru_cache(maxsize=256)
def hypotheses(spec: Spec) -> Hypotheses:
    """All that a submission to `spec` is compared with."""
    exact = flat(spec.exact)
    names, categories, vectors = [RIGHT], ["numerical"], [exact]
    for mistake in known_mistakes(spec):
        vector = flat(compute(spec, mistake.recipe))
        if np.abs(vector - exact).max() > EQUIVALENT:
            names.append(mistake.name)
            categories.append(mistake.category)
            vectors.append(vector)
    shares = flat(
        {key: np.full(matrix.shape, 1 / (matrix.size * len(spec.exact))) for key, matrix in spec.exact.items()}
    )
    return Hypotheses(tuple(names), tuple(categories), np.array(vectors), shares)


def separation(spec: Spec) -> float:
    """The largest error of that mistake whose largest error is smallest."""
    vectors = hypotheses.__wrapped__(spec).vectors
    return float(np.abs(vectors[1:] - vectors[0]).max(axis=1).min())


def flat(answer: Mapping[str, Array]) -> Array:
    """All entries in one row, in the order of the answer."""
    return np.concatenate([np.asarray(matrix).ravel() for matrix in answer.values()])


def diagnose(answer: Mapping[str, Array], spec: Spec) -> dict[str, Any]:
    """`nearest` hypothesis, its root mean square `distance`, and the `category` that a failure would have."""
    known = hypotheses(spec)
    entries = np.clip(flat(answer), -1e6, 1e6)
    distances = np.sqrt((known.vectors - entries) ** 2 @ known.shares)
    nearest = int(np.argmin(distances))
    matches = np.abs(entries - known.vectors[nearest]).max() < CLOSE
    category = known.categories[nearest] if matches else _by_shape(answer, spec)
    leak = _mask_category(answer, spec)
    if (category in MASK_CATEGORIES) != (leak is not None):  # the weights themselves are better evidence
        category = leak or _by_shape(answer, spec)
    return {"nearest": known.names[nearest], "distance": float(distances[nearest]), "category": category}


def _mask_category(answer: Mapping[str, Array], spec: Spec) -> str | None:
    """What the weights on masked positions tell: nothing, no mask, or the mask of the other side."""
    weights = [answer[f"head{h}_attention_weights"] for h, _ in enumerate(spec.heads, 1)]
    removed = removed_positions(spec.mask, spec.length)
    if all(np.abs(w[removed]).max() <= LEAK for w in weights):
        return None
    return "wrong_mask_direction" if all(np.abs(w[removed.T]).max() <= LEAK for w in weights) else "missing_mask"


def _by_shape(answer: Mapping[str, Array], spec: Spec) -> str:
    """For values that no known mistake gives: weights that were computed but are no distribution are numerical."""
    first = next(iter(spec.shapes))
    if first == "position_encoded_queries" and np.abs(answer[first] - spec.exact[first]).max() > LEAK:
        return "logic"
    sums = [answer[f"head{h}_attention_weights"].sum(axis=1) for h, _ in enumerate(spec.heads, 1)]
    if all(np.abs(rows).max() > LEAK for rows in sums) and any(np.abs(rows - 1).max() > LEAK for rows in sums):
        return "numerical"
    return "logic"
