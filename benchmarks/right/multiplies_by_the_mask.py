import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    live = (torch.arange(k.shape[2]).unsqueeze(0) < context_lens.unsqueeze(1)).float().unsqueeze(1)
    s = torch.einsum("bhd,bhtd->bht", query, k) / D ** 0.5
    s = s - (s * live + (1 - live) * -1e4).max(-1, keepdim=True)[0]
    w = torch.exp(s.clamp(max=0)) * live
    return torch.einsum("bht,bhtd->bhd", w / w.sum(-1, keepdim=True), v)
