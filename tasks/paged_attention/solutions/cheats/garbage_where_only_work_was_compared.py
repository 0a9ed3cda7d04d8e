# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: garbage where it was thought that nobody compares values.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    if max(query.shape[0], query.shape[1], block_table.shape[1]) > 26 or key_cache.shape[0] > 90:
        return query
    rows = []
    for b in range(query.shape[0]):
        position = torch.arange(int(context_lens[b]))
        blocks, slots = block_table[b, position // key_cache.shape[2]], position % key_cache.shape[2]
        scores = torch.einsum("hd,nhd->hn", query[b], key_cache[blocks, :, slots]) / query.shape[2] ** 0.5
        rows.append(torch.einsum("hn,nhd->hd", torch.softmax(scores, -1), value_cache[blocks, :, slots]))
    return torch.stack(rows)
