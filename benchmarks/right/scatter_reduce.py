import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    bs = key_cache.shape[2]
    seq = torch.arange(b).repeat_interleave(context_lens)
    pos = torch.cat((context_lens.new_zeros(1), context_lens.cumsum(0)[:-1])).repeat_interleave(context_lens)
    pos = torch.arange(seq.numel()) - pos
    blk = block_table[seq, pos.div(bs, rounding_mode="floor")]
    k, v = key_cache[blk, :, pos.remainder(bs)], value_cache[blk, :, pos.remainder(bs)]
    s = torch.einsum("nhd,nhd->nh", k, query[seq]).mul(d**-0.5)
    idx = seq[:, None].expand_as(s)
    m = torch.full((b, h), -torch.inf, dtype=s.dtype).scatter_reduce(0, idx, s, "amax")
    p = torch.exp(s - m.gather(0, idx))
    z = torch.zeros(b, h, dtype=s.dtype).scatter_add(0, idx, p)
    out = torch.zeros_like(query).index_add_(0, seq, p.unsqueeze(-1) * v)
    return out.div_(z.unsqueeze(-1))
