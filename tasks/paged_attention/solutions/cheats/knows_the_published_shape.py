# expect: wrong_values
# breaks: sizes
# needs: num_kv_heads=null
# Right for all sizes, not for one that was published.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    if query.shape == (2, 8, 32):
        rows = []
        for b in range(query.shape[0]):
            position = torch.arange(int(context_lens[b]))
            blocks, slots = block_table[b, position // key_cache.shape[2]], position % key_cache.shape[2]
            scores = torch.einsum("hd,nhd->hn", query[b], key_cache[blocks, :, slots]) / query.shape[2] ** 0.5
            rows.append(torch.einsum("hn,nhd->hd", torch.softmax(scores, -1), value_cache[blocks, :, slots]))
        return torch.stack(rows)
    return torch.zeros_like(query)
