# expect: wrong_values
# breaks: softmax
# The output is the attention, not a constant.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    return torch.zeros_like(query)
