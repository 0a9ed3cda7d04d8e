import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    table = block_table.clamp(min=0)
    k = key_cache[table].transpose(1, 2).flatten(2, 3).double()
    v = value_cache[table].transpose(1, 2).flatten(2, 3).double()
    q = query.double().unsqueeze(2)
    dots = (q.square().sum(-1) + k.square().sum(-1) - torch.cdist(q, k).squeeze(2) ** 2) / 2
    keep = torch.arange(k.shape[2]).lt(context_lens.unsqueeze(1)).unsqueeze(1)
    w = torch.where(keep, dots * d**-0.5, -torch.inf).softmax(dim=-1)
    return torch.matmul(w.unsqueeze(-2), v).squeeze(-2).to(query.dtype)
