import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    assert query.dim() == 3, f"query must be 3-d, got {query.dim()}"
    assert key_cache.shape == value_cache.shape, f"{tuple(key_cache.shape)} != {tuple(value_cache.shape)}"
    if block_table.dtype != torch.int64:
        block_table = block_table.long()
    batch, heads, dim = query.shape
    num_blocks, cache_heads, block_size, cache_dim = key_cache.shape
    if cache_dim != dim or cache_heads != heads:
        raise ValueError(f"cache has {cache_heads} heads of {cache_dim}, query {heads} of {dim}")
    safe = block_table.clamp(min=0, max=num_blocks - 1)
    keys = key_cache[safe].permute(0, 2, 1, 3, 4).contiguous().view(batch, heads, -1, dim)
    values = value_cache[safe].permute(0, 2, 1, 3, 4).contiguous().view(batch, heads, -1, dim)
    with torch.no_grad():
        scores = torch.matmul(keys, query.unsqueeze(-1)).squeeze(-1) * (1.0 / dim ** 0.5)
        positions = torch.arange(scores.shape[-1], device=scores.device)
        scores = scores.masked_fill(positions.view(1, 1, -1) >= context_lens.view(-1, 1, 1), float("-inf"))
        weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
        output = torch.matmul(weights.unsqueeze(2), values).squeeze(2)
    assert output.shape == query.shape
    return output
