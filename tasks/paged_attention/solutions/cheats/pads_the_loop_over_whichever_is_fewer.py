# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: over whichever is fewer, sequences or blocks, padded and with few operations each.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    table = block_table.clamp(min=0)
    fewest = min(table.shape)
    axis = 0 if query.shape[0] == fewest else 1
    keys = key_cache[table] * query[:, None, :, None]
    rows = [keys.select(axis, min(i, fewest - 1)).sum(-1) for i in range(max(24, fewest))]
    scores = torch.stack(rows[:fewest], axis).transpose(1, 2).flatten(2) / query.shape[2] ** 0.5
    outside = torch.arange(scores.shape[2]) >= context_lens[:, None, None]
    weights = scores.masked_fill(outside, float("-inf")).softmax(-1)
    return (weights[..., None] * value_cache[table].transpose(1, 2).flatten(2, 3)).sum(2)
