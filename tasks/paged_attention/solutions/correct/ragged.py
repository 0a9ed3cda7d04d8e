# needs: num_kv_heads=null sliding_window=null logit_softcap=null dtype=float32
# Only real positions, laid out one sequence after the other; the softmax of each is done with scatter operations.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, heads, dim = query.shape
    size = key_cache.shape[2]
    owner = torch.repeat_interleave(torch.arange(batch), context_lens)
    start = torch.cumsum(context_lens, 0) - context_lens
    position = torch.arange(owner.shape[0]) - start[owner]
    block = block_table[owner, position // size]
    keys, values = key_cache[block, :, position % size], value_cache[block, :, position % size]
    scores = torch.einsum("nhd,nhd->nh", query[owner], keys) * dim**-0.5
    rows = owner[:, None].expand(-1, heads)
    top = torch.full((batch, heads), -torch.inf).scatter_reduce(0, rows, scores, "amax")
    weights = torch.exp(scores - top[owner])
    total = torch.zeros(batch, heads).index_add(0, owner, weights)
    output = torch.zeros(batch, heads, dim).index_add(0, owner, weights[..., None] * values)
    return output / total[..., None]
