# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# Vectorized for all sizes: a loop for some of them is a loop.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    if query.shape[0] < 8:
        return fast(query, key_cache, value_cache, block_table, context_lens)
    rows = []
    for b in range(query.shape[0]):
        position = torch.arange(int(context_lens[b]))
        blocks, slots = block_table[b, position // key_cache.shape[2]], position % key_cache.shape[2]
        scores = torch.einsum("hd,nhd->hn", query[b], key_cache[blocks, :, slots]) / query.shape[2] ** 0.5
        rows.append(torch.einsum("hn,nhd->hd", torch.softmax(scores, -1), value_cache[blocks, :, slots]))
    return torch.stack(rows)


def fast(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    blocks = block_table.clamp(min=0)
    # [batch, max_blocks, heads, block_size, head_dim] -> [batch, heads, positions, head_dim]
    keys = key_cache[blocks].transpose(1, 2).flatten(2, 3).repeat_interleave(num_heads // key_cache.shape[1], 1)
    values = value_cache[blocks].transpose(1, 2).flatten(2, 3).repeat_interleave(num_heads // key_cache.shape[1], 1)
    scores = torch.einsum("bhd,bhnd->bhn", query, keys) / math.sqrt(head_dim)
    position = torch.arange(keys.shape[2], device=query.device)
    outside = position >= context_lens[:, None]
    weights = torch.softmax(scores.masked_fill(outside[:, None], float("-inf")), dim=-1)
    return torch.einsum("bhn,bhnd->bhd", weights, values)
