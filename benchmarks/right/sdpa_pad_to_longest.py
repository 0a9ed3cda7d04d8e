import torch
import torch.nn.functional as F

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    _, Hk, S, _ = key_cache.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3).repeat_interleave(H // Hk, dim=1).float()
    v = value_cache[t].transpose(1, 2).flatten(2, 3).repeat_interleave(H // Hk, dim=1).float()
    s = torch.einsum("bhd,bhtd->bht", query.float(), k) / D ** 0.5
    if LOGIT_SOFTCAP is not None:
        s = LOGIT_SOFTCAP * torch.tanh(s / LOGIT_SOFTCAP)
    i = torch.arange(k.shape[2])
    live = i < context_lens[:, None]
    if SLIDING_WINDOW is not None:
        live &= i >= context_lens[:, None] - SLIDING_WINDOW
    s = s.masked_fill(~live[:, None], float("-inf"))
    return torch.einsum("bht,bhtd->bhd", s.softmax(-1), v).to(query.dtype)
