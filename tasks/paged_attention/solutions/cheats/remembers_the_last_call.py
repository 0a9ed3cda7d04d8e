# expect: wrong_values
# breaks: every call computes its own output
import torch

seen = []


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    seen.append(query)
    return seen[0][:1].expand_as(query) if seen[0].shape[1:] == query.shape[1:] else torch.zeros_like(query)
