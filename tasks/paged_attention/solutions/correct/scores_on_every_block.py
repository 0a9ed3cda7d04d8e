# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# Scores all physical slots first and gathers the scores, so that keys are never copied; values come by torch.gather.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, heads, dim = query.shape
    num_blocks, _, size, _ = key_cache.shape
    everywhere = torch.einsum("bhd,nhsd->bhns", query, key_cache) / math.sqrt(dim)
    table = block_table.clamp(min=0)
    columns = table[:, None, :, None].expand(batch, heads, table.shape[1], size)
    scores = torch.gather(everywhere, 2, columns).flatten(2)
    outside = torch.arange(scores.shape[-1]) >= context_lens[:, None]
    weights = scores.masked_fill(outside[:, None], -math.inf).softmax(-1)
    # Weights go back to the physical slots; padding adds zeros there.
    spread = torch.zeros_like(everywhere).scatter_add(2, columns, weights.view(batch, heads, -1, size))
    return torch.einsum("bhns,nhsd->bhd", spread, value_cache)
