# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# The online softmax written out: running maxima by cummax, what is left of each position by the last of them.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # the online softmax written out: the running maximum is a cummax, what remains of a position is the last one's
    B, H, D = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    s = torch.matmul(k, query[..., None])[..., 0] * D ** -0.5
    live = torch.arange(k.shape[2]) < context_lens[:, None, None]
    s = torch.where(live, s, torch.full_like(s, -1e9))
    running, _ = torch.cummax(s, dim=-1)
    final = running[..., -1:]
    step = torch.exp(s - running) * torch.exp(running - final) * live
    den = torch.cumsum(step, -1)[..., -1:]
    num = torch.cumsum(step[..., None] * v, -2)[..., -1, :]
    return num / den
