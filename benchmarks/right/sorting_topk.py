import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    s = k.matmul(query.unsqueeze(-1)).squeeze(-1) * d**-0.5
    s[(torch.arange(s.size(-1)) >= context_lens.unsqueeze(-1)).unsqueeze(1).expand_as(s)] = -float("inf")
    longest = int(context_lens.max())
    top, at = s.topk(longest, dim=-1)
    w = (top - top[..., :1]).exp()
    w /= w.sum(-1, keepdim=True)
    return v.gather(2, at[..., None].expand(-1, -1, -1, d)).mul(w[..., None]).sum(2)
