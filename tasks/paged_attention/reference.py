"""The right answer, on the host, in float64, one sequence at a time: slow and plain on purpose."""

import numpy as np

from .config import Config
from .inputs import Case


def attend(config: Config, case: Case) -> np.ndarray:
    """The exact output `[batch, num_heads, head_dim]` for the rounded inputs of `case`."""
    query = case.query.numpy().astype(np.float64)
    keys = case.key_cache.numpy().astype(np.float64)
    values = case.value_cache.numpy().astype(np.float64)
    table = case.block_table.numpy()
    group = case.sizes.num_heads // case.sizes.num_kv_heads
    output = np.empty_like(query)
    for sequence, length in enumerate(case.sizes.context_lens):
        start = max(0, length - config.sliding_window) if config.sliding_window else 0
        position = np.arange(start, length)
        block, slot = table[sequence, position // config.block_size], position % config.block_size
        k = np.repeat(keys[block, :, slot], group, axis=1)  # [positions, num_heads, head_dim]
        v = np.repeat(values[block, :, slot], group, axis=1)
        scores = np.einsum("hd,nhd->hn", query[sequence], k) / np.sqrt(config.head_dim)
        if config.logit_softcap:
            scores = config.logit_softcap * np.tanh(scores / config.logit_softcap)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        output[sequence] = np.einsum("hn,nhd->hd", weights, v)
    return output
