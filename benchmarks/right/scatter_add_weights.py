import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    # score every physical slot for every sequence, then count how often a sequence owns the slot
    scores = torch.einsum("bhd,nhsd->bhns", query, key_cache) / D ** 0.5
    pos = torch.arange(block_table.shape[1] * S)
    slot = block_table.clamp(0).repeat_interleave(S, dim=1) * S + pos % S
    used = (pos < context_lens[:, None]).to(query.dtype)
    owned = torch.zeros(B, N * S).scatter_add_(1, slot, used).view(B, 1, N, S)
    scores = scores.masked_fill(owned == 0, float("-inf"))
    top = scores.amax(dim=(2, 3), keepdim=True)
    e = (scores - top).exp() * owned
    w = e / e.sum(dim=(2, 3), keepdim=True)
    return torch.einsum("bhns,nhsd->bhd", w, value_cache)
