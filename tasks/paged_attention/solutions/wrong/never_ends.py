# expect: timeout
# breaks: time_limit
# Each call ends within the time limit.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    block_size = key_cache.shape[2]
    # Copies block after block, but never moves on when the last one is not full.
    keys = torch.zeros(batch, key_cache.shape[1], block_table.shape[1] * block_size, head_dim)
    done = 0
    while done < int(context_lens.max()):
        block = block_table[:, done // block_size].clamp(min=0)
        keys[:, :, done : done + block_size] = key_cache[block]
        done += block_size if int(context_lens.max()) - done >= block_size else 0
    return torch.softmax(query[:, :, None] @ keys.transpose(2, 3), dim=-1) @ keys
