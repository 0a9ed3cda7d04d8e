import torch
import torch.nn.functional as F


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    nb, _, bs, _ = key_cache.shape
    n = block_table.shape[1] * bs
    pos = torch.arange(n)
    blk = block_table.clamp(min=0)[:, pos // bs]
    slot = (pos % bs).expand_as(blk)
    flat = (blk[:, None] * h + torch.arange(h)[None, :, None]) * bs + slot[:, None]
    k = F.embedding(flat, key_cache.reshape(-1, d))
    s = (k @ query[..., None])[..., 0] / d**0.5
    s = s.where((pos < context_lens[:, None])[:, None], torch.tensor(float("-inf")))
    w = F.softmax(s, -1)
    return F.embedding_bag(flat.view(b * h, n), value_cache.reshape(-1, d), per_sample_weights=w.view(b * h, n), mode="sum").view(b, h, d)
