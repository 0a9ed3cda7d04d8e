# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# Flash decoding: a softmax in every block, then the blocks are combined by their maxima and sums.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    size, dim = key_cache.shape[2], query.shape[2]
    table = block_table.clamp(min=0)
    position = torch.arange(table.shape[1] * size).view(1, -1, 1, size)
    inside = position < context_lens.view(-1, 1, 1, 1)
    scores = torch.einsum("bhd,bnhsd->bnhs", query, key_cache[table]) / math.sqrt(dim)
    scores = scores.masked_fill(~inside, -1e30)
    top = scores.amax(-1, keepdim=True)
    weights = torch.exp(scores - top) * inside
    output = torch.einsum("bnhs,bnhsd->bnhd", weights, value_cache[table])
    share = torch.exp(top - top.amax(1, keepdim=True))
    total = (weights.sum(-1, keepdim=True) * share).sum(1)
    return (output * share).sum(1) / total
