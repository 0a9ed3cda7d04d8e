import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    with torch.enable_grad():
        b, h, d = query.shape
        t = block_table.clamp(min=0)
        k = key_cache[t].transpose(1, 2).flatten(2, 3)
        v = value_cache[t].transpose(1, 2).flatten(2, 3)
        q = query.clone().requires_grad_()
        s = torch.einsum("bhd,bhnd->bhn", q, k) / d**0.5
        s = s.masked_fill((torch.arange(s.shape[2]) >= context_lens[:, None]).unsqueeze(1), float("-inf"))
        return torch.einsum("bhn,bhnd->bhd", s.softmax(-1), v)
