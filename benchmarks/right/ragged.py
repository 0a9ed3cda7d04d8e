import torch

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    S, Hk = key_cache.shape[2], key_cache.shape[1]
    first = torch.zeros_like(context_lens) if SLIDING_WINDOW is None else (context_lens - SLIDING_WINDOW).clamp(min=0)
    many = context_lens - first
    seq = torch.arange(B).repeat_interleave(many)
    pos = torch.arange(len(seq)) - (many.cumsum(0) - many)[seq] + first[seq]
    phys = block_table[seq, pos // S]
    k = key_cache[phys, :, pos % S].repeat_interleave(H // Hk, 1).double()
    v = value_cache[phys, :, pos % S].repeat_interleave(H // Hk, 1).double()
    s = (query[seq].double() * k).sum(2) / D ** 0.5
    if LOGIT_SOFTCAP:
        s = LOGIT_SOFTCAP * (s / LOGIT_SOFTCAP).tanh()
    top = torch.full((B, H), -torch.inf, dtype=s.dtype).index_reduce_(0, seq, s, "amax")
    e = (s - top[seq]).exp()
    den = torch.zeros(B, H, dtype=s.dtype).index_add_(0, seq, e)
    num = torch.zeros(B, H, D, dtype=s.dtype).index_add_(0, seq, e[..., None] * v)
    return (num / den[..., None]).to(query.dtype)
