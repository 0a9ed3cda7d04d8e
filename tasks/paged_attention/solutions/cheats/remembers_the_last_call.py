# expect: wrong_values
# breaks: softmax
# Every call computes its own output.
import torch

seen = []


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    seen.append(query)
    return torch.ones_like(query) * seen[0].mean()
