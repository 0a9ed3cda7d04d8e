import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    S = key_cache.shape[2]
    L = int(context_lens.max())
    i = torch.arange(L)
    b = torch.arange(B)[:, None, None]
    h = torch.arange(H)[None, :, None]
    blk = block_table[b, (i // S)[None, None]].clamp(min=0)
    k = key_cache[blk, h, (i % S)[None, None]]
    v = value_cache[blk, h, (i % S)[None, None]]
    s = (query[:, :, None] * k).sum(-1) / D ** 0.5
    s = s.masked_fill(i >= context_lens[:, None, None], float("-inf"))
    s = s - s.max(-1, keepdim=True).values
    w = s.exp()
    return (w[..., None] * v).sum(2) / w.sum(2, keepdim=True)
