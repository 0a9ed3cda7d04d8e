"""Seeded randomness that depends on nothing but its key: the same draw whatever was drawn before it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from statistics import NormalDist

_STANDARD_NORMAL = NormalDist()


def hex_digits(*key: object) -> str:
    """64 hexadecimal digits that stand for `key`."""
    return hashlib.sha256("\0".join(map(str, key)).encode()).hexdigest()


def uniform(*key: object) -> float:
    """A number strictly between 0 and 1."""
    return (int(hex_digits(*key)[:13], 16) + 0.5) / 16**13


def normal(*key: object) -> float:
    """A standard normal deviate."""
    return _STANDARD_NORMAL.inv_cdf(uniform(*key))


def choose(weights: Sequence[float], *key: object) -> int:
    """An index, drawn in proportion to the weights."""
    point = uniform(*key) * sum(weights)
    for index, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)
