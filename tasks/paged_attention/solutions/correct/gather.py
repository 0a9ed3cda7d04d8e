# Gathers every block of a sequence, masks what is no position of it. Works for every variant of the task.
import math

import torch

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    num_kv_heads = key_cache.shape[1]
    blocks = block_table.clamp(min=0)
    exact = torch.promote_types(query.dtype, torch.float32)

    # [batch, max_blocks, kv heads, block_size, head_dim] -> [batch, heads, positions, head_dim]
    def positions(cache):
        gathered = cache[blocks].permute(0, 2, 1, 3, 4).reshape(batch, num_kv_heads, -1, head_dim)
        return gathered.repeat_interleave(num_heads // num_kv_heads, dim=1).to(exact)

    keys, values = positions(key_cache), positions(value_cache)
    scores = torch.einsum("bhd,bhnd->bhn", query.to(exact), keys) / math.sqrt(head_dim)
    if LOGIT_SOFTCAP is not None:
        scores = LOGIT_SOFTCAP * torch.tanh(scores / LOGIT_SOFTCAP)
    position = torch.arange(scores.shape[-1], device=query.device)
    lengths = context_lens[:, None]
    outside = position >= lengths
    if SLIDING_WINDOW is not None:
        outside = outside | (position < lengths - SLIDING_WINDOW)
    weights = torch.softmax(scores.masked_fill(outside[:, None], float("-inf")), dim=-1)
    return torch.einsum("bhn,bhnd->bhd", weights, values).to(query.dtype)
