import torch
from torch.func import vmap

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    H, Hk = query.shape[1], key_cache.shape[1]

    def head(q, k, v, n):
        s = (k @ q) / q.shape[0] ** 0.5
        s = s if LOGIT_SOFTCAP is None else LOGIT_SOFTCAP * torch.tanh(s / LOGIT_SOFTCAP)
        i = torch.arange(s.shape[0])
        live = (i < n) if SLIDING_WINDOW is None else (i < n) & (i >= n - SLIDING_WINDOW)
        return torch.softmax(torch.where(live, s, -torch.inf), 0) @ v

    def group(q, k, v, n):
        return vmap(head, in_dims=(0, None, None, None))(q, k, v, n)

    def sequence(q, table, n):
        k = key_cache[table].transpose(0, 1).flatten(1, 2).to(torch.float32)
        v = value_cache[table].transpose(0, 1).flatten(1, 2).to(torch.float32)
        return vmap(group, in_dims=(0, 0, 0, None))(q.float().view(Hk, H // Hk, -1), k, v, n).flatten(0, 1)

    return vmap(sequence)(query, block_table.clamp(min=0), context_lens).to(query.dtype)
