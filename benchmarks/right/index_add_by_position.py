import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    bs = key_cache.shape[2]
    P = block_table.shape[1] * bs
    pos = torch.arange(P)
    rows = torch.arange(B).view(-1, 1).expand(B, P)
    ok = pos < context_lens.view(-1, 1)
    seq, p = rows[ok], pos.expand(B, P)[ok]
    phys = block_table[seq, p // bs]
    k = key_cache[phys, :, p % bs]
    v = value_cache[phys, :, p % bs]
    s = (query[seq] * k).sum(-1) / D ** 0.5
    top = s.new_full((B, H), float("-inf")).index_reduce(0, seq, s, "amax")
    e = (s - top[seq]).exp()
    den = s.new_zeros(B, H).index_add_(0, seq, e)
    num = s.new_zeros(B, H, D).index_add_(0, seq, e.unsqueeze(-1) * v)
    return num / den.unsqueeze(-1)
