import torch

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    rep = H // key_cache.shape[1]
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3).repeat_interleave(rep, 1)
    v = value_cache[t].transpose(1, 2).flatten(2, 3).repeat_interleave(rep, 1)
    s = torch.matmul(query.unsqueeze(2), k.transpose(2, 3)) * D ** -0.5
    if LOGIT_SOFTCAP is not None:
        s = LOGIT_SOFTCAP * torch.tanh(s / LOGIT_SOFTCAP)
    i = torch.arange(k.shape[2])
    hide = (i >= context_lens[:, None]) | (i < context_lens[:, None] - (SLIDING_WINDOW or i.numel()))
    s = s.masked_fill(hide[:, None, None], float("-inf"))
    return torch.matmul(torch.softmax(s, dim=-1, dtype=torch.float32).to(query.dtype), v).squeeze(2)
