# expect: wrong_values
# breaks: scores
# The scores are divided by sqrt(head_dim), not by the root of another size.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    blocks = block_table.clamp(min=0)
    # [batch, max_blocks, heads, block_size, head_dim] -> [batch, heads, positions, head_dim]
    keys = key_cache[blocks].transpose(1, 2).flatten(2, 3).repeat_interleave(num_heads // key_cache.shape[1], 1)
    values = value_cache[blocks].transpose(1, 2).flatten(2, 3).repeat_interleave(num_heads // key_cache.shape[1], 1)
    scores = torch.einsum("bhd,bhnd->bhn", query, keys) / math.sqrt(key_cache.shape[2])
    position = torch.arange(keys.shape[2], device=query.device)
    outside = position >= context_lens[:, None]
    weights = torch.softmax(scores.masked_fill(outside[:, None], float("-inf")), dim=-1)
    return torch.einsum("bhn,bhnd->bhd", weights, values)
