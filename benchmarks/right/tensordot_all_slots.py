import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # scores against the whole cache, then pick those of the own blocks
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    every = torch.bmm(query.transpose(0, 1), key_cache.permute(1, 3, 0, 2).reshape(H, D, N * S)).transpose(0, 1)
    p = torch.arange(block_table.shape[1] * S)
    slot = block_table[:, p // S].clamp(min=0) * S + p % S
    s = every.gather(2, slot[:, None].expand(-1, H, -1)) * D ** -0.5
    w = s.masked_fill(p >= context_lens[:, None, None], float("-inf")).softmax(-1)
    spread = torch.zeros_like(every).scatter_add(2, slot[:, None].expand(-1, H, -1), w)
    return torch.einsum("bht,htd->bhd", spread, value_cache.transpose(0, 1).reshape(H, N * S, D))
