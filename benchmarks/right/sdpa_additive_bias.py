import torch
import torch.nn.functional as F

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, heads, dim = query.shape
    block_size = key_cache.shape[-2]
    table = block_table.masked_fill(block_table < 0, 0)
    k = key_cache[table].permute(0, 2, 1, 3, 4).reshape(batch, heads, -1, dim)
    v = value_cache[table].permute(0, 2, 1, 3, 4).reshape(batch, heads, -1, dim)
    bias = torch.zeros(batch, 1, 1, k.shape[2], dtype=query.dtype, device=query.device)
    bias.masked_fill_(torch.arange(k.shape[2], device=query.device) >= context_lens.view(-1, 1, 1, 1), float("-inf"))
    out = F.scaled_dot_product_attention(query[:, :, None], k, v, attn_mask=bias, scale=dim ** -0.5)
    return out[:, :, 0]
