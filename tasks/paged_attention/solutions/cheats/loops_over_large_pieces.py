# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: over pieces of 24 sequences.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    rows = []
    for q, table, lens in zip(query.split(24), block_table.split(24), context_lens.split(24)):
        k = key_cache[table.clamp(min=0)].transpose(1, 2).flatten(2, 3)
        v = value_cache[table.clamp(min=0)].transpose(1, 2).flatten(2, 3)
        s = (k * q[:, :, None]).sum(-1) / q.shape[2] ** 0.5
        s = s.masked_fill(torch.arange(k.shape[2]) >= lens[:, None, None], float("-inf"))
        rows.append((s.softmax(-1)[..., None] * v).sum(2))
    return torch.cat(rows)
