import torch
import torch.nn as nn
import torch.nn.functional as F

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    idx = block_table.clamp(min=0)
    keys = nn.Flatten(2, 3)(key_cache[idx].transpose(1, 2))
    values = nn.Flatten(2, 3)(value_cache[idx].transpose(1, 2))
    sim = F.cosine_similarity(query[:, :, None], keys, dim=-1)
    scores = sim * query.norm(dim=-1)[..., None] * torch.linalg.vector_norm(keys, dim=-1) / D ** 0.5
    scores = scores.masked_fill(torch.arange(keys.shape[2]).view(1, 1, -1) >= context_lens.view(-1, 1, 1), -torch.inf)
    return (nn.functional.softmax(scores, -1).unsqueeze(-1) * values).sum(-2)
