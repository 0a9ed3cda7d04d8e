import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    S, M = key_cache.shape[2], block_table.shape[1]
    table = block_table.clone()
    table[table < 0] = 0
    buf = torch.empty(B, M, H, S, D, dtype=query.dtype, device=query.device)
    torch.index_select(key_cache, 0, table.view(-1), out=buf.view(B * M, H, S, D))
    scores = torch.empty(B, M, H, S, 1, dtype=query.dtype)
    torch.matmul(buf, query.view(B, 1, H, D, 1), out=scores)
    scores = scores.squeeze(-1).permute(0, 2, 1, 3).reshape(B, H, M * S)
    scores /= D ** 0.5
    scores[torch.arange(M * S).expand(B, H, M * S) >= context_lens[:, None, None]] = -float("inf")
    torch.softmax(scores, dim=-1, out=scores)
    output = torch.zeros_like(query)
    output += (scores.unsqueeze(-1) * value_cache[table].permute(0, 2, 1, 3, 4).reshape(B, H, M * S, D)).sum(2)
    return output
