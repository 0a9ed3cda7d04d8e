import torch
import torch.nn.functional as F

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    keys = key_cache.permute(0, 2, 1, 3).reshape(N * S, H * D).unfold(0, S, S).permute(0, 2, 1)  # N S HD
    vals = value_cache.permute(0, 2, 1, 3).reshape(N * S, H * D).unfold(0, S, S).permute(0, 2, 1)
    table = block_table.clamp(0, N - 1)
    keys = keys[table].reshape(B, -1, H, D)
    vals = vals[table].reshape(B, -1, H, D)
    sc = torch.einsum("bhd,bthd->bht", query, keys) / D ** 0.5
    sc = sc + torch.log((torch.arange(keys.shape[1]) < context_lens[:, None]).to(sc.dtype))[:, None]
    return torch.einsum("bht,bthd->bhd", F.softmax(sc, dim=-1), vals)
