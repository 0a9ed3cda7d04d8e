import torch

@torch.no_grad()
def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    mask = torch.arange(k.shape[2]) < context_lens[:, None]
    s = torch.einsum("bhd,bhtd->bht", query, k).mul_(query.shape[-1] ** -0.5)
    s.masked_fill_(mask.logical_not().unsqueeze(1), float("-inf"))
    return s.softmax(dim=-1).unsqueeze(2).matmul(v).squeeze(2)
