import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    *_, S, D = key_cache.shape
    pages = (table := block_table.clamp(min=0))[:, : (n := (int(context_lens.max()) + S - 1) // S)]
    k, v = (torch.flatten(c[pages].transpose(1, 2), 2, 3) for c in (key_cache, value_cache))
    s = torch.einsum("bhd,bhtd->bht", query, k) / D ** 0.5
    s = s.masked_fill(~(torch.arange(n * S) < context_lens[:, None])[:, None], float("-inf"))
    return torch.einsum("bht,bhtd->bhd", torch.softmax(s, -1), v)
