import torch as th

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    S = key_cache.shape[-2]
    M = -(-int(th.max(context_lens)) // S)
    table = block_table[:, :M]
    table = th.where(table >= 0, table, 0)
    k, v = key_cache[table], value_cache[table]
    at = th.arange(M * S, device=query.device).view(M, S)
    live = at[None] < context_lens[:, None, None]
    s = th.einsum("bhd,bmhsd->bmhs", query, k) / query.shape[-1] ** 0.5
    s = th.where(live[:, :, None], s, float("-inf"))
    e = th.exp(s - s.amax((1, 3), keepdim=True))
    return th.einsum("bmhs,bmhsd->bhd", e, v) / e.sum((1, 3))[..., None]
