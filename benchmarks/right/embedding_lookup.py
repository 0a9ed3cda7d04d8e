import torch
import torch.nn.functional as F

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    M = block_table.shape[1]
    ids = block_table.clamp(0, N - 1)
    k = F.embedding(ids, key_cache.reshape(N, -1)).view(B, M, H, S, D)
    v = F.embedding(ids, value_cache.reshape(N, -1)).view(B, M, H, S, D)
    s = torch.einsum("bhd,bmhsd->bhms", query, k).reshape(B, H, M * S) * D ** -0.5
    keep = torch.arange(M * S).expand(B, -1) < context_lens[:, None]
    s = s.masked_fill(keep.logical_not()[:, None], float("-inf"))
    w = F.softmax(s, dim=-1).reshape(B, H, M, S)
    return torch.einsum("bhms,bmhsd->bhd", w, v)
