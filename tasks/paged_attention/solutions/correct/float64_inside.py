# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# Everything in float64, the softmax written out, rounded once at the end. A loop over a fixed pair is no loop over data.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, heads, dim = query.shape
    table = block_table.clamp(min=0)
    paged = []
    for cache in (key_cache, value_cache):
        paged.append(cache.to(torch.float64)[table].swapaxes(1, 2).flatten(2, 3))
    keys, values = paged
    scores = (keys @ query.double().unsqueeze(-1)).squeeze(-1) / torch.sqrt(torch.tensor(float(dim)))
    inside = torch.arange(keys.shape[2]) < context_lens[:, None, None]
    scores = scores - scores.where(inside, scores.new_tensor(float("-inf"))).amax(-1, keepdim=True)
    weights = torch.exp(scores.clamp(max=0)) * inside
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights.unsqueeze(-1) * values).sum(2).type_as(query)
