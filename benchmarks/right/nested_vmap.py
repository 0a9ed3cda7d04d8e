import torch
from torch.func import vmap

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    def one_head(q, k, v, n):
        s = (k @ q) / q.shape[-1] ** 0.5
        s = torch.where(torch.arange(s.shape[0]) < n, s, float("-inf"))
        return torch.softmax(s, 0) @ v

    def one_sequence(q, table, n):
        k = key_cache[table].transpose(0, 1).flatten(1, 2)
        v = value_cache[table].transpose(0, 1).flatten(1, 2)
        return vmap(one_head, in_dims=(0, 0, 0, None))(q, k, v, n)

    return vmap(one_sequence)(query, block_table.clamp(min=0), context_lens)
