# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# Blocks are picked by a product with a one-hot matrix.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # one-hot matrix instead of an index
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    pick = torch.nn.functional.one_hot(block_table.clamp(min=0), N).to(query.dtype)   # B M N
    k = torch.einsum("bmn,nhsd->bhmsd", pick, key_cache).reshape(B, H, -1, D)
    v = torch.einsum("bmn,nhsd->bhmsd", pick, value_cache).reshape(B, H, -1, D)
    s = torch.einsum("bhd,bhtd->bht", query, k) / D ** 0.5
    s = s.masked_fill((torch.arange(k.shape[2]) >= context_lens[:, None])[:, None], float("-inf"))
    return torch.einsum("bht,bhtd->bhd", s.softmax(-1), v)
