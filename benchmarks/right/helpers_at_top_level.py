import torch

NEG = float("-inf")
_EPS = 1e-20


def _gather(cache, table):
    n, h, s, d = cache.shape
    b, m = table.shape
    return cache[table.clamp(0, n - 1).reshape(-1)].reshape(b, m, h, s, d).permute(0, 2, 1, 3, 4).reshape(b, h, m * s, d)


def _masked_softmax(x, mask):
    x = x.masked_fill(~mask, NEG)
    x = torch.exp(x - x.amax(dim=-1, keepdim=True))
    return x / (x.sum(dim=-1, keepdim=True) + _EPS)


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    k, v = _gather(key_cache, block_table), _gather(value_cache, block_table)
    mask = torch.arange(k.shape[2])[None, None, :] < context_lens[:, None, None]
    w = _masked_softmax((query.unsqueeze(2) * k).sum(-1) / query.shape[-1] ** 0.5, mask)
    return (w.unsqueeze(-1) * v).sum(2)
