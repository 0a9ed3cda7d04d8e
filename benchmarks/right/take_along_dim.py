import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    T = block_table.shape[1] * S
    pos = torch.arange(T)[None]
    phys = torch.take_along_dim(block_table, pos // S, dim=1).clamp(0, N - 1)
    flat = (phys * S + pos % S).reshape(-1, 1, 1)
    k = torch.take_along_dim(key_cache.transpose(1, 2).reshape(N * S, H, D), flat, dim=0).view(B, T, H, D)
    v = torch.take_along_dim(value_cache.transpose(1, 2).reshape(N * S, H, D), flat, dim=0).view(B, T, H, D)
    w = torch.einsum("bhd,bthd->bth", query, k) / D ** 0.5
    w = torch.where(pos[:, :, None] < context_lens[:, None, None], w, -torch.inf).softmax(1)
    return torch.einsum("bth,bthd->bhd", w, v)
