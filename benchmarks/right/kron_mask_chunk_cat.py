import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    d = query.size(2)
    kv = torch.cat((key_cache, value_cache), dim=-1)[block_table.clamp(min=0)]
    k, v = kv.permute(0, 2, 1, 3, 4).flatten(2, 3).chunk(2, dim=-1)
    s = torch.linalg.matmul(k, query[..., None]).squeeze(-1) / d ** 0.5
    n = torch.ones_like(s[:, 0]).cumsum(-1)
    s = s.masked_fill((n > context_lens[:, None])[:, None], float("-inf"))
    return torch.einsum("bht,bhtd->bhd", torch.softmax(s, dim=-1), v)
