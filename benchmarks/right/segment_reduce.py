import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    bs = key_cache.shape[2]
    n = int(context_lens.sum())
    seq = torch.repeat_interleave(torch.arange(b), context_lens)
    start = torch.cumsum(context_lens, 0) - context_lens
    pos = torch.arange(n) - start[seq]
    blk, slot = block_table[seq, pos // bs], pos % bs
    k, v = key_cache[blk, :, slot], value_cache[blk, :, slot]
    s = (k * query[seq]).sum(-1) / d**0.5
    top = torch.segment_reduce(s, "max", lengths=context_lens, axis=0)
    e = (s - top[seq]).exp()
    z = torch.segment_reduce(e, "sum", lengths=context_lens, axis=0)
    o = torch.segment_reduce((e[..., None] * v).flatten(1), "sum", lengths=context_lens, axis=0)
    return o.view(b, h, d) / z[..., None]
