# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: the loop is padded, so that the work is the same for all sizes that are measured.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    rows = []
    for b in range(max(64, query.shape[0])):
        b = min(b, query.shape[0] - 1)
        position = torch.arange(int(context_lens[b]))
        blocks, slots = block_table[b, position // key_cache.shape[2]], position % key_cache.shape[2]
        scores = torch.einsum("hd,nhd->hn", query[b], key_cache[blocks, :, slots]) / query.shape[2] ** 0.5
        rows.append(torch.einsum("hn,nhd->hd", torch.softmax(scores, -1), value_cache[blocks, :, slots]))
    return torch.stack(rows[: query.shape[0]])
