import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # every query attends to the whole flat cache; the mask tells whose slot it is (blocks are used once per sequence)
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    pos = torch.arange(block_table.shape[1] * S).reshape(1, -1, S)
    live = pos < context_lens[:, None, None]
    count = torch.zeros(B, N, S).index_put_(
        (torch.arange(B)[:, None, None].expand_as(live), block_table.clamp(min=0)[:, :, None].expand_as(live),
         torch.arange(S).expand_as(live)), live.float(), accumulate=True)
    bias = count.log().reshape(B, 1, N * S)
    k = key_cache.transpose(0, 1).reshape(H, N * S, D)
    v = value_cache.transpose(0, 1).reshape(H, N * S, D)
    s = torch.einsum("bhd,htd->bht", query, k) / D ** 0.5 + bias
    return torch.einsum("bht,htd->bhd", torch.softmax(s, -1), v)
