import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    gathered = []
    for cache in (key_cache, value_cache):
        gathered.append(cache[block_table.clamp(min=0)].transpose(1, 2).flatten(2, 3))
    k, v = gathered
    s = (query[:, :, None] @ k.transpose(-1, -2)).squeeze(2) / query.shape[-1] ** 0.5
    s = s.masked_fill((torch.arange(k.shape[2]) >= context_lens[:, None])[:, None], float("-inf"))
    return (s.softmax(-1)[:, :, None] @ v).squeeze(2)
