import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].permute(0, 2, 1, 3, 4).reshape(b, h, -1, d)
    v = value_cache[t].permute(0, 2, 1, 3, 4).reshape(b, h, -1, d)
    m = (torch.arange(k.shape[2]) < context_lens[:, None])[:, None, None]
    try:
        return torch.nn.functional.scaled_dot_product_attention(query[:, :, None], k, v, attn_mask=m, dropout_p=0.0).squeeze(2)
    except RuntimeError:
        s = (query[:, :, None] @ k.mT / d ** 0.5).masked_fill(~m, float("-inf"))
        return (s.softmax(-1) @ v).squeeze(2)
