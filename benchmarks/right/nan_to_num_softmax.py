import torch
inf = float("inf")

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    k = torch.stack((key_cache, value_cache))[:, block_table.clamp(min=0)]   # 2 B M H S D
    k, v = k.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).unbind(0)
    s = torch.squeeze(query[..., None, :] @ k.mT, -2) / (query.shape[-1] ** .5)
    n = s.shape[-1]
    tri = torch.tril(torch.ones(n, n, dtype=torch.bool))[context_lens - 1]    # row L-1 has L ones
    s = torch.where(tri[:, None], s, -inf)
    return torch.nan_to_num(torch.softmax(s, -1)).unsqueeze(-2).matmul(v).squeeze(-2)
