# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration over sequences.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    block_size = key_cache.shape[2]
    output = torch.empty_like(query)
    for b in range(batch):
        length = int(context_lens[b])
        position = torch.arange(length)
        blocks = block_table[b, position // block_size]
        keys = key_cache[blocks, :, position % block_size]
        values = value_cache[blocks, :, position % block_size]
        scores = torch.einsum("hd,nhd->hn", query[b], keys) / math.sqrt(head_dim)
        output[b] = torch.einsum("hn,nhd->hd", torch.softmax(scores, dim=-1), values)
    return output
