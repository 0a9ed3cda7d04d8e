# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# Multiplies and adds up in bfloat16, from the last position to the first: the least exact of the right solutions.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    low = torch.bfloat16
    table = block_table.clamp(min=0)
    keys = key_cache[table].transpose(1, 2).flatten(2, 3).flip(2)
    values = value_cache[table].transpose(1, 2).flatten(2, 3).flip(2)
    scores = (query[:, :, None].to(low) * keys.to(low)).sum(-1, dtype=low) / math.sqrt(query.shape[-1])
    position = torch.arange(keys.shape[2]).flip(0)
    scores = scores.masked_fill((position >= context_lens[:, None])[:, None], float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    return (weights[..., None] * values.to(low)).sum(2, dtype=low).to(query.dtype)
