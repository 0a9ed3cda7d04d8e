# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: over the sequences where they are fewer, else over the blocks.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, heads, dim = query.shape
    size, table = key_cache.shape[2], block_table.clamp(min=0)
    if batch <= table.shape[1]:
        rows = []
        for b in range(batch):
            k, v = key_cache[table[b]].transpose(0, 1).flatten(1, 2), value_cache[table[b]].transpose(0, 1).flatten(1, 2)
            s = (k * query[b][:, None]).sum(-1) / dim**0.5
            s = s.masked_fill(torch.arange(k.shape[1]) >= context_lens[b], float("-inf"))
            rows.append((s.softmax(-1)[..., None] * v).sum(1))
        return torch.stack(rows)
    parts, sums = [], []
    for m in range(table.shape[1]):
        k, v = key_cache[table[:, m]], value_cache[table[:, m]]
        s = (k * query[:, :, None]).sum(-1) / dim**0.5
        parts.append(s.masked_fill((m * size + torch.arange(size) >= context_lens[:, None])[:, None], float("-inf")))
        sums.append(v)
    w = torch.cat(parts, -1).softmax(-1)
    return (w[..., None] * torch.cat(sums, 2)).sum(2)
