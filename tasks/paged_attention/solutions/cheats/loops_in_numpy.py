# expect: forbidden
# breaks: attributes
# No attribute that leads to NumPy.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    keys = key_cache.numpy()
    rows = list(map(keys[0, 0].dot, query.numpy()[:, 0]))
    return torch.tensor(rows).mean() * query
