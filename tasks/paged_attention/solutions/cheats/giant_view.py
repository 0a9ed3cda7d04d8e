# expect: shape_error
# breaks: shape
# The output has the shape [batch, num_heads, head_dim].
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    return torch.zeros(1).expand(10**12)
