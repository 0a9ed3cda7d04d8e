import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # split-K: always four pieces, padded, merged with their log-sum-exp
    B, H, D = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    T = k.shape[2]
    pad = (-T) % 4
    k = torch.nn.functional.pad(k, (0, 0, 0, pad)).view(B, H, 4, -1, D)
    v = torch.nn.functional.pad(v, (0, 0, 0, pad)).view(B, H, 4, -1, D)
    live = (torch.arange(T + pad) < context_lens[:, None]).view(B, 1, 4, -1)
    s = torch.einsum("bhd,bhctd->bhct", query, k) / D ** 0.5
    s = s.masked_fill(~live, -1e30)
    lse = torch.logsumexp(s, -1)
    part = torch.einsum("bhct,bhctd->bhcd", torch.softmax(s, -1), v)
    return (torch.softmax(lse, -1).unsqueeze(-1) * part).sum(2)
