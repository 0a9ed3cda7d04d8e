# PyTorch's own attention with grouped heads and a window; the soft cap by hand.
import torch
import torch.nn.functional as F

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    pages = block_table.clamp(min=0)
    k = key_cache[pages].transpose(1, 2).flatten(2, 3)
    v = value_cache[pages].transpose(1, 2).flatten(2, 3)
    i = torch.arange(k.shape[2]).view(1, 1, 1, -1)
    n = context_lens.view(-1, 1, 1, 1)
    live = (i < n) & (i >= n - (SLIDING_WINDOW or k.shape[2]))
    if LOGIT_SOFTCAP is None:
        return F.scaled_dot_product_attention(query.unsqueeze(2), k, v, live, enable_gqa=True).squeeze(2)
    rep = query.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(rep, 1), v.repeat_interleave(rep, 1)
    raw = (query.unsqueeze(2) @ k.mT) / query.shape[-1] ** 0.5
    bias = torch.zeros_like(raw).masked_fill(~live, -torch.inf)
    return (torch.softmax(LOGIT_SOFTCAP * torch.tanh(raw / LOGIT_SOFTCAP) + bias, -1) @ v).squeeze(2)
