import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    q, k, v = (x.double() for x in (query, key_cache, value_cache))
    S, D = k.shape[2], q.shape[2]
    t = block_table.clamp(min=0)
    k = k[t].movedim(2, 1).flatten(2, 3)
    v = v[t].movedim(2, 1).flatten(2, 3)
    a = torch.einsum("bhd,bhtd->bht", q, k).div(D ** 0.5)
    a[(torch.arange(k.shape[2])[None, None] >= context_lens[:, None, None]).expand_as(a)] = -torch.inf
    return torch.einsum("bht,bhtd->bhd", a.softmax(2), v).to(query.dtype)
