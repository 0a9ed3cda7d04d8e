# expect: wrong_values
# breaks: block_table
# needs: num_kv_heads=null
# Position i lies in block i // block_size, slot i % block_size.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    blocks = block_table.clamp(min=0)
    # [batch, max_blocks, heads, block_size, head_dim] -> [batch, heads, positions, head_dim]
    keys = key_cache[blocks].permute(0, 2, 3, 1, 4).flatten(2, 3)
    values = value_cache[blocks].permute(0, 2, 3, 1, 4).flatten(2, 3)
    scores = torch.einsum("bhd,bhnd->bhn", query, keys) / math.sqrt(head_dim)
    position = torch.arange(keys.shape[2], device=query.device)
    outside = position >= context_lens[:, None]
    weights = torch.softmax(scores.masked_fill(outside[:, None], float("-inf")), dim=-1)
    return torch.einsum("bhn,bhnd->bhd", weights, values)
