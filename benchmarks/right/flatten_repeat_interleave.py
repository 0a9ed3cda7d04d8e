import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    M = block_table.shape[1]
    blocks = block_table.clamp(min=0).flatten().repeat_interleave(S)
    slots = torch.arange(S).repeat(B * M)
    k = key_cache[blocks, :, slots].view(B, M * S, H, D)
    v = value_cache[blocks, :, slots].view(B, M * S, H, D)
    q = query.flatten(0, 1).repeat_interleave(M * S, 0).view(B, H, M * S, D)
    s = (q * k.transpose(1, 2)).sum(3).mul(D ** -0.5)
    dead = torch.arange(M * S).repeat(B, 1).ge(context_lens.unsqueeze(1))
    s = s.masked_fill(dead[:, None], float("-inf")).softmax(2)
    return torch.einsum("bht,bthd->bhd", s, v)
