import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # whole blocks and the ragged last block are masked apart
    B, H, D = query.shape
    S, M = key_cache.shape[2], block_table.shape[1]
    full, rest = context_lens // S, context_lens % S
    m = torch.arange(M)
    whole = (m[None] < full[:, None])[:, :, None].expand(B, M, S)
    part = (m[None] == full[:, None])[:, :, None] & (torch.arange(S)[None, None] < rest[:, None, None])
    ok = (whole | part).reshape(B, 1, M * S)
    t = block_table.clamp_min(0)
    k = key_cache[t].transpose(1, 2).reshape(B, H, M * S, D)
    v = value_cache[t].transpose(1, 2).reshape(B, H, M * S, D)
    s = torch.einsum("bhd,bhtd->bht", query, k).masked_fill(~ok, float("-inf")) / D ** 0.5
    return torch.einsum("bht,bhtd->bhd", s.softmax(2), v)
