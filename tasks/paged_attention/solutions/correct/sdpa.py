# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# PyTorch's own scaled_dot_product_attention with a boolean mask.
import torch
from torch.nn.functional import scaled_dot_product_attention


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    pages = torch.clamp(block_table, 0, key_cache.size(0) - 1)
    keys = key_cache[pages].transpose(1, 2).flatten(2, 3)
    values = value_cache[pages].transpose(1, 2).flatten(2, 3)
    mask = torch.arange(keys.size(2)).unsqueeze(0) < context_lens.unsqueeze(1)
    output = scaled_dot_product_attention(query.unsqueeze(2), keys, values, attn_mask=mask[:, None, None, :])
    return output.squeeze(2)
