import torch
import torch.nn.functional as F

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # a grouped convolution of width 1 is a batch of dot products
    B, H, D = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].permute(0, 2, 4, 1, 3).reshape(1, B * H * D, -1)
    v = value_cache[t].permute(0, 2, 1, 3, 4).reshape(B, H, -1, D)
    s = F.conv1d(k, query.reshape(B * H, D, 1), groups=B * H).view(B, H, -1) / D ** 0.5
    s = s.masked_fill((torch.arange(s.shape[2]) >= context_lens[:, None]).unsqueeze(1), float("-inf"))
    return F.softmax(s, dim=-1).unsqueeze(-2).matmul(v).squeeze(-2)
