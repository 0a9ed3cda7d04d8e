import torch
import torch.nn.functional as F

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, Hk, S, _ = key_cache.shape
    M = block_table.shape[1]
    ratio = H // Hk
    t = block_table.clamp(0, N - 1)
    k = key_cache[t][:, :, :, None].expand(B, M, Hk, ratio, S, D).reshape(B, M, H, S, D).float()
    v = value_cache[t][:, :, :, None].expand(B, M, Hk, ratio, S, D).reshape(B, M, H, S, D).float()
    s = (k * query.float()[:, None, :, None]).sum(-1).mul(D ** -0.5)
    if LOGIT_SOFTCAP is not None:
        s = F.tanh(s / LOGIT_SOFTCAP) * LOGIT_SOFTCAP
    p = torch.arange(M * S).view(1, M, 1, S)
    n = context_lens.view(B, 1, 1, 1)
    live = p < n
    if SLIDING_WINDOW is not None:
        live = live & (n - p <= SLIDING_WINDOW)
    s = torch.where(live, s, torch.finfo(s.dtype).min)
    top = s.amax((1, 3), keepdim=True)
    e = torch.exp(s - top) * live
    return ((e[..., None] * v).sum((1, 3)) / e.sum((1, 3))[..., None]).to(query.dtype)
