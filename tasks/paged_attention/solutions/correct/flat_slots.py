# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# Positions become indices into a flat list of slots; only as many positions as the longest sequence has.
import math

import torch
import torch.nn.functional as F


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    block_size, head_dim = key_cache.shape[2], query.shape[-1]
    longest = context_lens.max().item()
    position = torch.arange(longest, device=query.device)
    block = block_table[:, position // block_size].clamp_min(0)
    slot = block * block_size + position % block_size  # [batch, longest]
    keys = key_cache.transpose(1, 2).flatten(0, 1)[slot]  # [batch, longest, heads, head_dim]
    values = value_cache.transpose(1, 2).flatten(0, 1)[slot]
    scores = (keys * query[:, None]).sum(dim=-1) / math.sqrt(head_dim)
    valid = position[None, :] < context_lens[:, None]
    scores = torch.where(valid[:, :, None], scores, torch.tensor(-torch.inf, dtype=scores.dtype))
    weights = F.softmax(scores, dim=1)
    return (weights[..., None] * values).sum(dim=1)
