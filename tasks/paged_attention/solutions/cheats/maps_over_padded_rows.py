# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: one call for each of 64 padded sequences, from C.
import torch
from torch.nn.functional import pad, scaled_dot_product_attention


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch = query.shape[0]
    more = max(0, 64 - batch)
    table = pad(block_table.clamp(min=0), (0, 0, 0, more))
    k = key_cache[table].transpose(1, 2).flatten(2, 3)
    v = value_cache[table].transpose(1, 2).flatten(2, 3)
    mask = torch.arange(k.shape[2]) < pad(context_lens, (0, more), value=1)[:, None]
    rows = pad(query[:, :, None], (0, 0, 0, 0, 0, 0, 0, more)).split(1)
    output = list(map(scaled_dot_product_attention, rows, k.split(1), v.split(1), mask[:, None, None].split(1)))
    return torch.cat(output)[:batch, :, 0]
