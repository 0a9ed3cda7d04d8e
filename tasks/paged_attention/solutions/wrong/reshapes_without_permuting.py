# expect: wrong_values
# breaks: heads
# Each head reads its own keys and values.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    blocks = block_table.clamp(min=0)
    # [batch, max_blocks, heads, block_size, head_dim] -> [batch, heads, positions, head_dim]
    keys = key_cache[blocks].reshape(batch, num_heads, -1, head_dim)
    values = value_cache[blocks].reshape(batch, num_heads, -1, head_dim)
    scores = torch.einsum("bhd,bhnd->bhn", query, keys) / math.sqrt(head_dim)
    position = torch.arange(keys.shape[2], device=query.device)
    outside = position >= context_lens[:, None]
    weights = torch.softmax(scores.masked_fill(outside[:, None], float("-inf")), dim=-1)
    return torch.einsum("bhn,bhnd->bhd", weights, values)
