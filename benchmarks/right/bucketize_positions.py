import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    S = key_cache.shape[2]
    ends = torch.cumsum(context_lens, 0)
    n = torch.arange(ends[-1].item())
    seq = torch.searchsorted(ends, n, right=True)
    pos = n - torch.cat((ends.new_zeros(1), ends[:-1]))[seq]
    phys, slot = block_table[seq, pos // S], pos % S
    s = (key_cache[phys, :, slot] * query[seq]).sum(-1) * D ** -0.5
    top = torch.full((B, H), -torch.inf).scatter_reduce(0, seq[:, None].expand(-1, H), s, reduce="amax", include_self=True)
    e = torch.exp(s - top.index_select(0, seq))
    out = torch.zeros(B, H, D).scatter_add(0, seq[:, None, None].expand(-1, H, D), e[..., None] * value_cache[phys, :, slot])
    return out / torch.zeros(B, H).scatter_add(0, seq[:, None].expand(-1, H), e)[..., None]
