import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    scores = torch.einsum("bhd,bmhsd->bhms", query, key_cache[block_table.clamp(min=0)]) / query.shape[-1] ** 0.5
    S = key_cache.shape[2]
    grid = torch.arange(block_table.shape[1])[:, None] * S + torch.arange(S)
    scores = scores.masked_fill(grid >= context_lens[:, None, None, None], float("-inf"))
    probs = scores.flatten(2).softmax(-1).view_as(scores)
    return torch.einsum("bhms,bmhsd->bhd", probs, value_cache[block_table.clamp(min=0)])
