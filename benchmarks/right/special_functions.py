import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    D = query.shape[-1]
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    x = torch.einsum("bhd,bhtd->bht", query, k) / D ** 0.5
    x = x.masked_fill(torch.arange(x.shape[-1]) >= context_lens.reshape(-1, 1, 1), -torch.inf)
    lp = torch.special.log_softmax(x, dim=-1)
    return torch.einsum("bht,bhtd->bhd", torch.special.exp2(lp * 1.4426950408889634), v)
