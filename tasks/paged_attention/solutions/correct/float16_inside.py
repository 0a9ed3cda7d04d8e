# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# Scores, weights and sums in float16: less exact, and still within what the prompt asks for.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    table = block_table.clamp(min=0)
    keys = key_cache.half()[table].transpose(1, 2).flatten(2, 3)
    values = value_cache.half()[table].transpose(1, 2).flatten(2, 3)
    scores = torch.einsum("bhd,bhnd->bhn", query.half(), keys) / math.sqrt(query.shape[-1])
    outside = torch.arange(keys.shape[2]) >= context_lens[:, None]
    weights = torch.softmax(scores.masked_fill(outside[:, None], float("-inf")), dim=-1)
    return torch.einsum("bhn,bhnd->bhd", weights, values).to(query.dtype)
