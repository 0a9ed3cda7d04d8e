# Loads a part of torch at its first call, which makes code of its own.
# needs: num_kv_heads=null sliding_window=null logit_softcap=null
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    nb, _, bs, _ = key_cache.shape
    m = block_table.shape[1]
    shape = torch.broadcast_shapes((b, 1, m * bs), (1, h, 1))
    table = block_table.clamp(0, nb - 1)
    k = key_cache[table].permute(0, 2, 1, 3, 4).reshape(b, h, m * bs, d)
    v = value_cache[table].permute(0, 2, 1, 3, 4).reshape(b, h, m * bs, d)
    mask = (torch.arange(m * bs)[None, None] < context_lens[:, None, None]).expand(shape)
    s = torch.linalg.vecdot(k, query[:, :, None]) / d**0.5
    return (s.masked_fill(~mask, -torch.inf).softmax(-1).unsqueeze(-1) * v).sum(2)
