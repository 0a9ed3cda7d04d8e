# expect: forbidden
# breaks: called
# needs: num_kv_heads=null
# Methods of built-in types are called, not passed on: every product is the number of elements of a shape, below Python.
import torch


def product(a, b):
    shape = torch.broadcast_tensors(a, b)[0].shape
    x = (a * 4096).round().long().expand(shape).flatten().tolist()
    y = (b * 4096).round().long().expand(shape).flatten().tolist()
    z = list(map(torch.Size.numel, map(torch.Size, zip(x, y))))
    return torch.tensor(z, dtype=torch.float64).view(shape) / 4096**2


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    table = block_table.clamp(min=0)
    k = key_cache[table].transpose(1, 2).flatten(2, 3)
    v = value_cache[table].transpose(1, 2).flatten(2, 3)
    s = product(k, query[:, :, None]).sum(-1) / query.shape[2] ** 0.5
    s = s.masked_fill(torch.arange(k.shape[2]) >= context_lens[:, None, None], float("-inf"))
    w = s.softmax(-1)
    return product(w[..., None], v).sum(2).to(query.dtype)
