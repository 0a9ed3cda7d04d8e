# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration over blocks.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    block_size = key_cache.shape[2]
    top = query.new_full((batch, num_heads, 1), float("-inf"))
    total = query.new_zeros((batch, num_heads, 1))
    output = torch.zeros_like(query)
    for block in range(block_table.shape[1]):  # online softmax, as flash attention does it
        physical = block_table[:, block].clamp(min=0)
        scores = torch.einsum("bhd,bhsd->bhs", query, key_cache[physical]) / math.sqrt(head_dim)
        position = block * block_size + torch.arange(block_size)
        scores = scores.masked_fill((position >= context_lens[:, None])[:, None], -1e9)
        new_top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        weights, shrink = torch.exp(scores - new_top), torch.exp(top - new_top)
        total = total * shrink + weights.sum(dim=-1, keepdim=True)
        output = output * shrink + torch.einsum("bhs,bhsd->bhd", weights, value_cache[physical])
        top = new_top
    return output / total
