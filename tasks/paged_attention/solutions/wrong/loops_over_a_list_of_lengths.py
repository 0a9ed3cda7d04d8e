# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration over sequences, .tolist() included.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    block_size = key_cache.shape[2]
    rows = []
    for b, length in enumerate(context_lens.tolist()):
        used = -(-length // block_size)
        keys = key_cache[block_table[b, :used]].transpose(0, 1).flatten(1, 2)[:, :length]
        values = value_cache[block_table[b, :used]].transpose(0, 1).flatten(1, 2)[:, :length]
        weights = torch.softmax(keys @ query[b, :, :, None] / math.sqrt(head_dim), dim=1)
        rows.append((weights * values).sum(dim=1))
    return torch.stack(rows)
