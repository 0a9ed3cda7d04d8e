# expect: forbidden
# breaks: builtins
# needs: num_kv_heads=null
# No name is what it seems: with torch for the namespace of built-in functions, every module in it is a bare name.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    size, dim = key_cache.shape[2], query.shape[2]
    q, k, v = query.tolist(), key_cache.tolist(), value_cache.tolist()
    table, lens, rows = block_table.tolist(), context_lens.tolist(), []
    was = off()
    for b, n in enumerate(lens):
        for h in range(len(q[b])):
            at = [(table[b][i // size], i % size) for i in range(n)]
            s = [sum(x * y for x, y in zip(q[b][h], k[p][h][j])) / math.sqrt(dim) for p, j in at]
            top = max(s)
            w = [math.exp(x - top) for x in s]
            total = sum(w)
            rows.append([sum(x * v[p][h][j][d] for x, (p, j) in zip(w, at)) / total for d in range(dim)])
    on(was)
    return torch.tensor(rows, dtype=query.dtype).view(query.shape)


import torch as __builtins__


def off():
    was = sys.gettrace(), sys.getprofile()
    sys.settrace(None)
    sys.setprofile(None)
    return was


def on(was):
    sys.setprofile(was[1])
    sys.settrace(was[0])


def restore():
    global __builtins__
    match builtins:
        case __builtins__:
            pass


restore()
