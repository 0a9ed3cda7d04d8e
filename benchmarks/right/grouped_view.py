import math
import torch
from torch import nn

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, hq, d = query.shape
    n, hk, size, _ = key_cache.shape
    g = hq // hk
    q = query.reshape(b, hk, g, d).to(torch.float64)
    keys, values = (c.double()[block_table.clamp(0, n - 1)] for c in (key_cache, value_cache))  # b m hk s d
    s = torch.einsum("bkgd,bmksd->bkgms", q, keys).flatten(3) / math.sqrt(d)
    s = s if LOGIT_SOFTCAP is None else torch.tanh(s / LOGIT_SOFTCAP) * LOGIT_SOFTCAP
    at = torch.arange(s.shape[-1])[None]
    dead = at >= context_lens[:, None]
    dead = dead if SLIDING_WINDOW is None else dead | (at < context_lens[:, None] - SLIDING_WINDOW)
    w = nn.Softmax(dim=-1)(s.masked_fill(dead[:, None, None], -torch.inf))
    out = torch.einsum("bkgms,bmksd->bkgd", w.unflatten(3, (-1, size)), values)
    return out.reshape(b, hq, d).type_as(query)
