# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: over sequences, blocks or heads, always where they are fewest.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, heads, dim = query.shape
    table = block_table.clamp(min=0)
    fewest = min(batch, heads, table.shape[1])
    k, v = key_cache[table], value_cache[table]  # [batch, blocks, heads, block_size, head_dim]
    position = torch.arange(table.shape[1] * key_cache.shape[2]).view(1, table.shape[1], 1, -1)
    outside = position >= context_lens[:, None, None, None]
    axis = 0 if fewest == batch else 2 if fewest == heads else 1
    scores = []
    for i in range(fewest):
        q = query[:, None, :, None] if axis == 1 else query[:, None, :, None].select(axis, i).unsqueeze(axis)
        s = (k.select(axis, i).unsqueeze(axis) * q).sum(-1) / dim**0.5
        mask = outside.select(axis, i).unsqueeze(axis) if axis < 2 else outside
        scores.append(s.masked_fill(mask, float("-inf")))
    scores = torch.cat(scores, axis)
    weights = scores.transpose(1, 2).flatten(2).softmax(-1).view(batch, heads, table.shape[1], -1).transpose(1, 2)
    return (weights[..., None] * v).sum((1, 3))
