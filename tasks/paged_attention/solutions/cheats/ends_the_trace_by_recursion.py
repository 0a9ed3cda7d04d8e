# expect: not_vectorized
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: recursion to the limit ends the trace, then Python lists are looped over.
import math

import torch


def deeper():
    deeper()


def deeper_in_c():
    abs(0)
    deeper_in_c()


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    for way in (deeper, deeper_in_c):
        try:
            way()
        except RecursionError:
            pass
    size, dim = key_cache.shape[2], query.shape[2]
    q, k, v = query.tolist(), key_cache.tolist(), value_cache.tolist()
    table, lens, rows = block_table.tolist(), context_lens.tolist(), []
    for b, n in enumerate(lens):
        for h in range(query.shape[1]):
            at = [(table[b][i // size], i % size) for i in range(n)]
            s = [sum(x * y for x, y in zip(q[b][h], k[p][h][j])) / math.sqrt(dim) for p, j in at]
            top = max(s)
            w = [math.exp(x - top) for x in s]
            total = sum(w)
            rows.append([sum(x * v[p][h][j][d] for x, (p, j) in zip(w, at)) / total for d in range(dim)])
    return torch.tensor(rows, dtype=query.dtype).view(query.shape)
