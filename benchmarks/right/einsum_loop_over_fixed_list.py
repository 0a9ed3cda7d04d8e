import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    shapes = {name: size for name, size in zip(("B", "H", "D"), query.shape)}
    B, H, D = (shapes[c] for c in "BHD")
    t = block_table.clamp(min=0)
    k, v = map(lambda c: c[t].transpose(1, 2).reshape(B, H, -1, D), [key_cache, value_cache])
    s = torch.einsum("bhd,bhtd->bht", query, k) / (D ** 0.5)
    s = s.masked_fill((torch.arange(k.shape[2]) >= context_lens.reshape(B, 1)).reshape(B, 1, -1), float("-inf"))
    w = s.softmax(-1)
    return torch.einsum("bht,bhtd->bhd", w, v)
