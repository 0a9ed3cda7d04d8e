import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    S = key_cache.shape[2]
    T = block_table.shape[1] * S
    live = torch.arange(T) < context_lens[:, None]
    slot = block_table.clamp(min=0)[:, :, None].mul(S).add(torch.arange(S)).flatten(1).masked_select(live)
    k = key_cache.transpose(1, 2).flatten(0, 1)[slot]
    v = value_cache.transpose(1, 2).flatten(0, 1)[slot]
    spread = live[:, :, None, None].expand(B, T, H, D)
    K = torch.zeros(B, T, H, D).masked_scatter(spread, k)
    V = torch.zeros(B, T, H, D).masked_scatter(spread, v)
    s = torch.einsum("bhd,bthd->bht", query, K) / D ** 0.5
    return torch.einsum("bht,bthd->bhd", s.masked_fill(~live[:, None], -torch.inf).softmax(2), V)
