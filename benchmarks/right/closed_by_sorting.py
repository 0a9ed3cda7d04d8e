import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # order of positions does not matter: sort the scores and cut the tail that is -inf
    B, H, D = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    s = torch.einsum("bhd,bhtd->bht", query, k) / D ** 0.5
    s = s.masked_fill((torch.arange(k.shape[2]) >= context_lens[:, None])[:, None], float("-inf"))
    s, order = torch.sort(s, dim=-1, descending=True)
    s, order = torch.topk(s, int(context_lens.max()), dim=-1)[0], order[..., :int(context_lens.max())]
    v = v.gather(2, order[..., None].expand(-1, -1, -1, D))
    return torch.einsum("bht,bhtd->bhd", s.softmax(-1), v)
