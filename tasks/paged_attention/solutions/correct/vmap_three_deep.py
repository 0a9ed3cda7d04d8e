# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# vmap within vmap within vmap: the function of one position runs once for all of them.
import torch
from torch.func import vmap


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    S = key_cache.shape[2]
    pos = torch.arange(block_table.shape[1] * S)

    def position(q, kc, table, i):
        return (q * kc[table[i // S], i % S]).sum() / q.shape[-1] ** 0.5

    def head(q, kc, vc, table, n):
        s = vmap(position, in_dims=(None, None, None, 0))(q, kc, table, pos)
        w = torch.softmax(torch.where(pos < n, s, -torch.inf), 0)
        return (w[:, None] * vc[table].flatten(0, 1)).sum(0)

    def sequence(q, table, n):
        return vmap(head, in_dims=(0, 1, 1, None, None))(q, key_cache, value_cache, table, n)

    return vmap(sequence)(query, block_table.clamp(min=0), context_lens)
