import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # pairs of numbers as complex ones: Re(q · conj(k)) is the dot product
    b, h, d = query.shape
    t = block_table.clamp(min=0)
    q = torch.view_as_complex(query.reshape(b, h, d // 2, 2).contiguous())
    k = torch.view_as_complex(key_cache[t].transpose(1, 2).reshape(b, h, -1, d // 2, 2).contiguous())
    v = value_cache[t].transpose(1, 2).reshape(b, h, -1, d)
    s = (q[:, :, None] * k.conj()).real.sum(-1) / d ** 0.5
    s = s.masked_fill(torch.arange(s.shape[2]) >= context_lens[:, None, None], float("-inf"))
    return torch.einsum("bht,bhtd->bhd", s.softmax(-1), v)
