import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    S = key_cache.shape[2]
    T = block_table.shape[1] * S
    b, p = torch.nonzero(torch.arange(T) < context_lens.unsqueeze(1)).unbind(1)
    phys = block_table[b, torch.div(p, S, rounding_mode="floor")]
    slot = torch.remainder(p, S)
    s = torch.linalg.vecdot(key_cache[phys, :, slot], query[b]) / D ** 0.5
    grid = torch.full((B, T, H), float("-inf")).index_put((b, p), s)
    w = torch.softmax(grid, 1)[b, p]
    return torch.zeros_like(query).index_add(0, b, w.unsqueeze(2) * value_cache[phys, :, slot])
