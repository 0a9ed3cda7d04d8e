import torch
from torch import nn

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    idx = block_table.clamp(min=0)
    k = key_cache[idx].permute(0, 2, 1, 3, 4).reshape(b * h, -1, d)
    v = value_cache[idx].permute(0, 2, 1, 3, 4).reshape(b * h, -1, d)
    s = torch.bmm(query.reshape(b * h, 1, d), k.transpose(1, 2)) / d ** 0.5
    pad = torch.arange(k.shape[1])[None, :] >= context_lens[:, None]
    s = s.masked_fill(pad.repeat_interleave(h, 0)[:, None, :], float("-inf"))
    return torch.bmm(nn.Softmax(dim=-1)(s), v).reshape(b, h, d)
