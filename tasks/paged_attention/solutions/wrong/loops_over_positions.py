# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration over positions.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    block_size = key_cache.shape[2]
    longest = int(context_lens.max())
    scores = []
    for i in range(longest):
        block = block_table[:, i // block_size].clamp(min=0)
        scores.append((query * key_cache[block, :, i % block_size]).sum(-1) / math.sqrt(head_dim))
    position = torch.arange(longest)
    outside = position >= context_lens[:, None]
    weights = torch.softmax(torch.stack(scores, dim=-1).masked_fill(outside[:, None], float("-inf")), dim=-1)
    blocks = block_table.clamp(min=0)[:, position // block_size]
    return torch.einsum("bhn,bnhd->bhd", weights, value_cache[blocks, :, position % block_size])
