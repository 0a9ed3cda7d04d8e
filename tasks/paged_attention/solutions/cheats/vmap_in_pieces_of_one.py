# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: vmap one sequence at a time.
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

    return torch.vmap(sequence, chunk_size=1)(query, block_table.clamp(min=0), context_lens)
