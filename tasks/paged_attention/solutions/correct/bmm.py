# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# One batched matrix product over all pairs of sequence and head; an additive mask.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, heads, dim = query.shape
    size = key_cache.shape[2]
    table = block_table.masked_fill(block_table < 0, 0)
    keys = key_cache[table].permute(0, 2, 4, 1, 3).reshape(batch * heads, dim, -1)
    values = value_cache[table].permute(0, 2, 1, 3, 4).reshape(batch * heads, -1, dim)
    length = table.shape[1] * size
    bias = torch.zeros(batch, length, dtype=query.dtype)
    bias = bias.masked_fill(torch.arange(length).expand(batch, length) >= context_lens.view(-1, 1), -1e30)
    bias = bias.repeat_interleave(heads, dim=0).unsqueeze(1)
    scores = torch.baddbmm(bias, query.reshape(batch * heads, 1, dim), keys, alpha=1.0 / dim**0.5)
    return torch.bmm(torch.softmax(scores, -1), values).view(batch, heads, dim)
