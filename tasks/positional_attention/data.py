"""The numbers of a problem: as published, or drawn afresh for every run."""

from __future__ import annotations

import random
from dataclasses import replace

from .knobs import Config
from .spec import Matrix, Spec

PUBLISHED: dict[str, Matrix] = {
    "Q": ((1.0, 0.5, -0.2), (0.3, -0.1, 0.8), (0.0, 0.4, -0.5), (-0.2, 0.2, 0.1)),
    "K": ((0.8, 0.2, -0.1), (0.1, -0.3, 0.6), (0.4, 0.7, 0.0), (0.0, 0.0, 0.9)),
    "V": ((1.5, -0.8, 0.3), (0.2, 1.0, -0.4), (-0.1, 0.6, 1.2), (0.9, 0.0, -0.7)),
    "pos_emb": ((0.1, 0.0, -0.1), (0.0, 0.1, 0.0), (-0.1, 0.0, 0.1), (0.0, -0.1, 0.0)),
}
LARGEST, LARGEST_ENCODING = 2.0, 0.5
"""Of drawn entries, in absolute value: large enough for a softmax that is far from flat."""
MARGIN = 0.05
"""Every known mistake must be off by this much somewhere."""
DRAWS = 50


def problem(config: Config, seed: int) -> Spec:
    """The problem of one run. Published numbers are the same for every seed."""
    spec = Spec(
        heads=tuple((head.qk, head.v) for head in config.heads),
        values_from=config.values_from,
        mask=config.mask,
        position_encoding=config.position_encoding,
        residual=config.residual,
        layer_norm=config.layer_norm,
        stated_accuracy=config.stated_accuracy,
        **PUBLISHED,
    )
    if config.position_encoding != "given":
        spec = replace(spec, pos_emb=None)
    return spec if config.data == "published" else _drawn(spec, config.sequence_length, seed)


def _drawn(spec: Spec, length: int, seed: int) -> Spec:
    """The first draw that tells the right answer from every known mistake; of `DRAWS` failures, the best."""
    from .diagnosis import separation

    numbers = random.Random(f"positional_attention {seed}")
    width = sum(qk for qk, _ in spec.heads)
    best, best_margin = spec, -1.0
    for _ in range(DRAWS):
        names = ("Q", "K", "V") if spec.pos_emb is None else ("Q", "K", "V", "pos_emb")
        drawn = replace(spec, **{name: _matrix(numbers, name, length, width) for name in names})
        margin = separation(drawn)
        if margin >= MARGIN:
            return drawn
        if margin > best_margin:
            best, best_margin = drawn, margin
    return best


def _matrix(numbers: random.Random, name: str, length: int, width: int) -> Matrix:
    largest = LARGEST_ENCODING if name == "pos_emb" else LARGEST
    return tuple(tuple(round(numbers.uniform(-largest, largest), 2) for _ in range(width)) for _ in range(length))
