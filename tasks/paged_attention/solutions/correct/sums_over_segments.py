# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# Sums over ragged segments as differences of a running sum; float64 keeps them exact enough.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # sums over ragged segments as differences of a running sum (float64 keeps them exact enough)
    B, H, D = query.shape
    S = key_cache.shape[2]
    seq = torch.repeat_interleave(context_lens)
    end = context_lens.cumsum(0)
    pos = torch.arange(int(end[-1])) - (end - context_lens)[seq]
    blk = block_table[seq, pos // S]
    k = key_cache[blk, :, pos % S].double()
    v = value_cache[blk, :, pos % S].double()
    s = (query.double()[seq] * k).sum(-1) / D ** 0.5
    top = torch.full((B, H), -torch.inf, dtype=torch.float64).scatter_reduce_(0, seq[:, None].expand_as(s), s, "amax")
    e = torch.exp(s - top[seq])
    zero = torch.zeros(1, H, D + 1, dtype=torch.float64)
    run = torch.cat([zero, torch.cat([e[..., None] * v, e[..., None]], -1).cumsum(0)])
    total = run[end] - run[end - context_lens]
    return (total[..., :D] / total[..., D:]).to(query.dtype)
