import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    S = key_cache.shape[2]
    t = block_table.clamp(min=0)
    mask = torch.arange(block_table.shape[1] * S)[None] < context_lens[:, None]

    def head(q, kc, vc):                        # q: B D, kc: N S D
        k, v = kc[t].flatten(1, 2), vc[t].flatten(1, 2)
        s = torch.einsum("bd,btd->bt", q, k) / q.shape[-1] ** 0.5
        w = torch.softmax(torch.where(mask, s, torch.full_like(s, float("-inf"))), -1)
        return torch.einsum("bt,btd->bd", w, v)

    return torch.vmap(head, in_dims=1, out_dims=1)(query, key_cache, value_cache)
