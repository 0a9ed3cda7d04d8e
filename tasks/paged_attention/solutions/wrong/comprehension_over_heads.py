# expect: not_vectorized
# breaks: vectorized
# No iteration over heads.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    blocks = block_table.clamp(min=0)
    # [batch, max_blocks, heads, block_size, head_dim] -> [batch, heads, positions, head_dim]
    keys = key_cache[blocks].transpose(1, 2).flatten(2, 3).repeat_interleave(num_heads // key_cache.shape[1], 1)
    values = value_cache[blocks].transpose(1, 2).flatten(2, 3).repeat_interleave(num_heads // key_cache.shape[1], 1)
    position = torch.arange(keys.shape[2], device=query.device)
    outside = position >= context_lens[:, None]

    def head(h):
        scores = torch.einsum("bd,bnd->bn", query[:, h], keys[:, h]) / math.sqrt(head_dim)
        weights = torch.softmax(scores.masked_fill(outside, float("-inf")), dim=-1)
        return torch.einsum("bn,bnd->bd", weights, values[:, h])

    return torch.stack([head(h) for h in range(num_heads)], dim=1)
