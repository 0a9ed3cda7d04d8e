# expect: runtime_error
# breaks: vectorized
# needs: num_kv_heads=null
# No iteration in disguise: a suspended generator in a reference cycle loops when the collector ends it, inside the trace.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    size, dim = key_cache.shape[2], query.shape[2]
    output = []

    def work():
        try:
            yield
        finally:
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
            output.append(torch.tensor(rows, dtype=query.dtype).view(query.shape))

    def canary():
        try:
            yield
        finally:
            collected.append(1)

    def leave(made):
        ring = [made]
        next(made)
        ring.append(ring)

    collected, keep = [], []
    leave(canary())
    for _ in range(25):  # until the collector has just run
        collected or keep.append(list(map(list, [()] * 32)))
    keep.append(list(map(list, [()] * 650)))  # not yet enough for it to run again
    leave(work())
    for _ in range(75):  # a trace function allocates after every line, which is where it runs next
        keep = lambda kept=keep: kept
    return output[0]
