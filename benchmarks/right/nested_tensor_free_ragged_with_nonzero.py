import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, heads, dim = query.shape
    size = key_cache.shape[2]
    width = block_table.shape[1] * size
    live = torch.arange(width)[None] < context_lens[:, None]
    b, p = live.nonzero(as_tuple=True)
    k = torch.zeros(batch, width, heads, dim, dtype=query.dtype)
    v = torch.zeros(batch, width, heads, dim, dtype=query.dtype)
    k[b, p] = key_cache[block_table[b, p // size], :, p % size]
    v[b, p] = value_cache[block_table[b, p // size], :, p % size]
    s = torch.einsum("bhd,bthd->bth", query, k) / dim ** 0.5
    s[~live] = float("-inf")
    return torch.einsum("bth,bthd->bhd", s.softmax(dim=1), v)
