# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# torch.nn.Softmax as an object: a class of torch.nn that holds no parameters.
import torch
import torch.nn as nn

softmax = nn.Softmax(dim=-1)


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    k = key_cache[block_table.clamp(min=0)].transpose(1, 2).reshape(b, h, -1, d)
    v = value_cache[block_table.clamp(min=0)].transpose(1, 2).reshape(b, h, -1, d)
    scores = torch.matmul(query.unsqueeze(-2), k.transpose(-2, -1)).squeeze(-2) / d ** 0.5
    mask = torch.arange(k.shape[2]).unsqueeze(0) >= context_lens.unsqueeze(1)
    scores = scores.masked_fill(mask.unsqueeze(1), float("-inf"))
    weights = softmax(scores)
    return torch.matmul(weights.unsqueeze(-2), v).squeeze(-2)
