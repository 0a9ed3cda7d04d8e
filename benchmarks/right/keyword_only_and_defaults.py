from typing import Optional
import torch


def _attn(q, k, v, *, mask: Optional[torch.Tensor] = None, scale: Optional[float] = None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    s = (q.unsqueeze(-2) * k).sum(-1) * scale
    if mask is not None:
        s = s.masked_fill(mask, float("-inf"))
    return (s.softmax(-1).unsqueeze(-1) * v).sum(-2)


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens, eps=1e-9, verbose=False):
    t = block_table * (block_table >= 0)
    k, v = [c[t].transpose(1, 2).flatten(2, 3) for c in (key_cache, value_cache)]
    return _attn(query, k, v, mask=(torch.arange(k.size(2)) >= context_lens[:, None])[:, None])
