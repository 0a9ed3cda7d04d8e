# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# torch.vmap over tensors is vectorized: the function of one sequence runs once for all of them.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    def sequence(query, blocks, length):
        keys = key_cache[blocks].transpose(0, 1).flatten(1, 2)
        values = value_cache[blocks].transpose(0, 1).flatten(1, 2)
        scores = (keys * query[:, None]).sum(-1) / math.sqrt(query.shape[-1])
        outside = torch.arange(keys.shape[1]) >= length
        weights = torch.softmax(scores.masked_fill(outside, float("-inf")), dim=-1)
        return (weights[..., None] * values).sum(1)

    return torch.vmap(sequence)(query, block_table.clamp(min=0), context_lens)
