# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# The cache seen as a flat list of slots by as_strided.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    k = key_cache.permute(0, 2, 1, 3).contiguous().as_strided((N * S, H, D), (H * D, D, 1))
    v = value_cache.permute(0, 2, 1, 3).contiguous().as_strided((N * S, H, D), (H * D, D, 1))
    idx = (block_table.clamp(min=0)[:, :, None] * S + torch.arange(S)).reshape(B, -1)
    att = torch.einsum("bhd,bthd->bht", query, k[idx]) * D ** -0.5
    att = att.masked_fill(torch.arange(idx.shape[1]) >= context_lens[:, None, None], -torch.inf)
    return torch.einsum("bht,bthd->bhd", att.softmax(-1), v[idx])
